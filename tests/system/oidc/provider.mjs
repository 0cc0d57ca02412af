// An OpenID provider on loopback, with the clients of these tests, and a second port by which a test asks what it did and tells it what to do.
// usage: node provider.mjs LIFE_SECONDS CLIENT_SECRET
import http from 'node:http'
import Provider from 'oidc-provider'

const [life, secret] = process.argv.slice(2)
const seen = { grants: new Set(), tokens: [], asked: [], refused: [] }
let down = 0

const server = http.createServer()
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'rohrpost',
      client_secret: secret,
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', 'client_credentials'],
      redirect_uris: ['http://127.0.0.1/'],
      response_types: ['code'],
    },
    { client_id: 'dovecot', client_secret: 'dovecot', grant_types: [], redirect_uris: [], response_types: [] },
  ],
  scopes: ['openid', 'offline_access', 'imap'],
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: (ctx, client, code) => code.scopes.has('offline_access'),
  ttl: { AccessToken: Number(life), ClientCredentials: Number(life), RefreshToken: 86400, Session: 86400, Interaction: 600, DeviceCode: 600, Grant: 86400 },
  // What Dovecot reads: a person signs in by his address, and the client itself stands for the mailbox.
  extraTokenClaims: (ctx, token) => ({ username: token.accountId ?? 'import@acme.example' }),
})

for (const name of ['access_token', 'refresh_token', 'client_credentials', 'authorization_code', 'device_code']) {
  for (const what of ['saved', 'issued']) {
    provider.on(`${name}.${what}`, (token) => {
      if (token.grantId) seen.grants.add(token.grantId)
      if (token.jti) seen.tokens.push(token.jti)
    })
  }
}
provider.on('grant.error', (ctx, error) => seen.refused.push(error.error))
provider.use(async (ctx, next) => {
  if (ctx.path === '/token') {
    if (down > 0) {
      down -= 1
      seen.asked.push('down')
      ctx.status = 503
      ctx.set('Retry-After', '1')
      ctx.body = 'down for repairs'
      return
    }
    await next()
    seen.asked.push(ctx.oidc?.params?.grant_type ?? '?')
    if (ctx.body?.access_token) seen.tokens.push(ctx.body.access_token)
    if (ctx.body?.refresh_token) seen.tokens.push(ctx.body.refresh_token)
    return
  }
  await next()
})
server.on('request', provider.callback())

// A revoked grant: what an administrator's "sign out everywhere" does.
async function revoke() {
  for (const id of seen.grants) {
    await Promise.all([provider.AccessToken, provider.RefreshToken].map((kind) => kind.revokeByGrantId(id)))
    const grant = await provider.Grant.find(id)
    await grant?.destroy()
  }
}

const control = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://control')
  if (url.pathname === '/revoke') await revoke()
  if (url.pathname === '/down') down = Number(url.searchParams.get('times'))
  response.setHeader('content-type', 'application/json')
  response.setHeader('connection', 'close')
  response.end(JSON.stringify({ tokens: seen.tokens, asked: seen.asked, refused: seen.refused }))
})
control.listen(0, '127.0.0.1', () => console.log(`${issuer} http://127.0.0.1:${control.address().port}`))
