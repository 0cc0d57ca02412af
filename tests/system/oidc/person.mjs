// A person with a browser: follows where she is sent, and fills in every form that she is shown, until there is none.
// usage: node person.mjs URL LOGIN [STOP_AT]; prints the last address. She does not open addresses that begin with STOP_AT.
const [first, login, stopAt] = process.argv.slice(2)
const cookies = new Map()

async function opens(url, form) {
  const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
  const options = form ? { method: 'POST', body: new URLSearchParams(form) } : {}
  const answer = await fetch(url, { ...options, headers, redirect: 'manual' })
  for (const line of answer.headers.getSetCookie?.() ?? [...answer.headers].filter(([name]) => name === 'set-cookie').map(([, value]) => value)) {
    const [name, value] = line.split(';')[0].split(/=(.*)/s)
    if (value) cookies.set(name, value)
    else cookies.delete(name)
  }
  return answer
}

const attribute = (tag, name) => new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(tag)?.[1]?.replaceAll('&amp;', '&')

let url = first
let form
for (let step = 0; step < 30; step++) {
  if (stopAt && url.startsWith(stopAt)) break
  const answer = await opens(url, form)
  form = undefined
  const next = answer.headers.get('location')
  if (next) {
    url = new URL(next, url).href
    continue
  }
  const page = await answer.text()
  const found = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(page)
  if (!found) break
  form = {}
  // Fields of the form, and those outside that name it.
  for (const tag of page.match(/<(input|button)[^>]*>/gi) ?? []) {
    const name = attribute(tag, 'name')
    if (name && name !== 'abort') form[name] = attribute(tag, 'value') ?? ''
  }
  if ('login' in form) form = { ...form, login, password: 'anything' }
  url = new URL(attribute(found[1], 'action') ?? url, url).href
}
console.log(url)
