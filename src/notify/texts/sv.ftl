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
receipt-no_number = Ämnesraden börjar inte med ett ansökningsnummer. Vidarebefordra meddelandet igen med numret först, sedan ett mellanslag, sedan ämnet.
receipt-number_not_strict = Ansökningsnumret står inte allra först i ämnesraden, eller följs inte av ett enda mellanslag. Vidarebefordra meddelandet igen: först numret, sedan exakt ett mellanslag, sedan ämnet.
receipt-unknown_number = Ansökningsnumret { $number } finns inte. Slå upp det i ansökan och vidarebefordra meddelandet igen med rätt nummer.
receipt-bad_check_digit = Minst en siffra i ansökningsnumret { $number } är fel: kontrollsiffran stämmer inte. Vidarebefordra meddelandet igen med rätt nummer.
receipt-application_erased = Ansökan med numret { $number } har raderats. Inget mer läggs till den.
receipt-sender_may_not_import = Din roll får inte importera svar. Be en ansvarig HR-chef att vidarebefordra meddelandet.
receipt-number_and_sender_disagree = Ansökningsnumret { $number } tillhör en annan person än den som skrev meddelandet. Kontrollera numret och vidarebefordra meddelandet igen.
receipt-number_unconfirmed = Personen som skrev meddelandet är inte känd under numret { $number }. För att inget ska hamna i fel akt väntar meddelandet tills någon har bekräftat för hand var det hör hemma.
receipt-sender_unclear = Det är oklart vem som skrev meddelandet: det anger flera avsändare, eller som namn en annan adress än avsändarens. De som sköter importen tittar på det.
receipt-encrypted = Meddelandet är krypterat, så innehållet går inte att läsa här. Dekryptera det i ditt e-postprogram och vidarebefordra det igen utan kryptering.
receipt-token_and_number_disagree = Meddelandet gick till svarsadressen för en ansökan, men ämnesraden börjar med numret { $number } för en annan. Vidarebefordra det med rätt nummer till importadressen.
receipt-not_scanned = Virusskannern kunde inte granska meddelandet. Det väntar tills det är gjort; du behöver inte göra något.
receipt-end = Svar på det här mejlet läses inte.

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
