# Det som människor läser på svenska. Alla språk har samma nycklar; ett test ser till det.

notice-subject = Nytt svar från { $candidate } ({ $reference })
notice-wrote = { $writer } har svarat.
notice-wrote-unnamed = Ett meddelande om ansökan från { $candidate } har kommit in.
notice-application = Ansökan: { $reference }, { $candidate }, { $job }
notice-written = Skrivet: { $date }
notice-forwarded = Vidarebefordrat: av { $forwarder }, { $date }
notice-direct = Skrivet direkt till oss: { $date }
notice-assigned = Tilldelat: för hand
notice-moved = Flyttat hit: för hand, { $date }
notice-files = Filer:
notice-file = { $name } ({ $kind })
notice-no-files = Filer: inga
notice-not-filed = Inte sparat:
skipped-type_refused = { $name } (filer av den här typen tas inte emot)
skipped-infected = { $name } (virusskannern hittade { $found })
skipped-not_scanned = { $name } (virusskannern kunde inte granska den)
notice-closed = Ansökan är redan avslutad. Meddelandet har ändå lagts till.
notice-somebody-else = Varning: meddelandet är skrivet av en annan person, som har en egen ansökan. Kontrollera om det hör hemma här.
notice-sender-unknown = Avsändarens adress är ännu inte känd för den här personen. Kontrollera att meddelandet hör hemma här.
notice-same-id = Ett annat meddelande med samma identitet finns redan; båda är sparade.
notice-open = Öppna meddelandet:
notice-why = Du får det här mejlet eftersom du är ansvarig för den här ansökan.
notice-why-fallback = Du får det här mejlet eftersom ingen är ansvarig för den här ansökan.

correction-subject = Återtaget: Nytt svar från { $candidate } ({ $reference })
correction-withdrawn = Meddelandet som lades till den här ansökan { $date } har återtagits.
correction-moved = Meddelandet som lades till den här ansökan { $date } hör inte till den och har flyttats bort.
correction-disregard = Bortse från det. Om du har sparat, skrivit ut eller lämnat vidare dess text eller filer, radera eller förstör dem.
correction-why = Du får det här mejlet eftersom du fick besked om meddelandet.

receipt-subject = Inte på plats: { $subject }
receipt-subject-none = Inte på plats: meddelande utan ämne
receipt-intro = Meddelandet som du vidarebefordrade { $date } kunde inte placeras. Det är inte borta: de som sköter importen hos er ser det och tar hand om det.
receipt-typed = Ditt ämne: { $subject }
receipt-no_number = Ämnesraden börjar inte med ett ansökningsnummer.
receipt-number_not_strict = Ansökningsnumret står inte allra först i ämnesraden, eller följs inte av ett enda blanksteg. Det ska vara: först numret, sedan exakt ett blanksteg, sedan ämnet.
receipt-unknown_number = Det finns inget ansökningsnummer { $number }. Kontrollera det i ansökan.
receipt-bad_check_digit = Minst en siffra i ansökningsnumret { $number } är fel: kontrollsiffran stämmer inte.
receipt-application_erased = Ansökan med numret { $number } har raderats. Inget mer läggs till den.
receipt-sender_may_not_import = Din roll får inte importera svar. Be en ansvarig HR-chef att vidarebefordra meddelandet.
receipt-number_and_sender_disagree = Ansökningsnumret { $number } hör till en annan person än den som skrev meddelandet. Kontrollera numret.
receipt-number_unconfirmed = Personen som skrev meddelandet är inte känd under numret { $number }. För att inget ska hamna i fel akt väntar meddelandet tills det är bekräftat vart det hör.
receipt-sender_unclear = Det är oklart vem som skrev meddelandet: det anger flera avsändare, eller som namn en annan adress än avsändarens. De som sköter importen tittar på det.
receipt-encrypted = Meddelandet är krypterat, så innehållet går inte att läsa här. Dekryptera det i ditt e-postprogram och vidarebefordra det igen utan kryptering.
receipt-token_and_number_disagree = Meddelandet gick till svarsadressen för en ansökan, och ämnesraden börjar med numret { $number } för en annan.
receipt-not_scanned = Virusskannern kunde inte granska meddelandet. Det väntar tills det är gjort; du behöver inte göra något.
receipt-perhaps = Kanske hör meddelandet hit:
receipt-suggestion = { $reference }, { $candidate }, { $job } ({ $why })
receipt-answer = Svara på det här mejlet med rätt ansökningsnummer på första raden, så arkiveras meddelandet där.
receipt-answer-one = Om det stämmer, svara på det här mejlet med en 1 på första raden; skriv annars rätt ansökningsnummer där.
receipt-answer-some = Svara på det här mejlet med den siffra som passar, från 1 till { $last }, eller med rätt ansökningsnummer på första raden, så arkiveras meddelandet där.
receipt-end-answer = Bara första raden i ditt svar läses.
receipt-end = Svar på det här mejlet läses inte.

why-typed = numret som du skrev
why-address-and-number = samma avsändaradress, och nästan samma nummer
why-address = samma avsändaradress
why-name = samma namn
why-digits-swapped = två siffror omkastade
why-digit-off = en siffra skiljer
why-digit-missing = en siffra för mycket eller för lite

again-intro = Ditt svar från { $date } har inte ändrat något.
again-not_understood = Första raden är varken ett av alternativen eller ett ansökningsnummer. Det vidarebefordrade meddelandet väntar fortfarande.
again-no_such_choice = Det var inte ett av alternativen. Det vidarebefordrade meddelandet väntar fortfarande.
again-unknown_number = Det finns inget ansökningsnummer { $number }. Det vidarebefordrade meddelandet väntar fortfarande.
again-bad_check_digit = Minst en siffra i ansökningsnumret { $number } är fel: kontrollsiffran stämmer inte. Det vidarebefordrade meddelandet väntar fortfarande.
again-application_erased = Ansökan med numret { $number } har raderats. Det vidarebefordrade meddelandet väntar fortfarande.
again-already_answered = Du har redan svarat på det här mejlet, och ditt första svar gäller.
again-no_longer_held = Det vidarebefordrade meddelandet väntar inte längre: någon har redan tagit hand om det.

filed-subject = Arkiverat under { $reference }, { $candidate }
filed-intro = Meddelandet som du vidarebefordrade { $date } är arkiverat.
filed-told = Informerade: { $told }
filed-told-nobody = Informerade: ingen
filed-why = Du får det här mejlet eftersom du vill ha ett kvitto på allt som du vidarebefordrar.

held-subject = Ett vidarebefordrat meddelande väntar
held-text = Ett meddelande som { $forwarder } vidarebefordrade { $date } kunde inte placeras och väntar. { $forwarder } har fått veta varför. De som sköter importen hittar det med: rohrpost dead-letter list
held-more = Om fler meddelanden berättas här högst en gång i timmen.

postmaster-subject = Meddelande till postmaster
postmaster-text = Bifogat finns ett meddelande som skickades till postmaster.

kind-cv = CV
kind-cover_letter = Personligt brev
kind-certificate = Betyg
kind-employment_reference = Arbetsintyg
kind-photo = Foto
kind-work_sample = Arbetsprov
kind-reference_report = Referensrapport
kind-dossier = Ansökningshandlingar
kind-other = Övrigt
file-unnamed = fil utan namn
