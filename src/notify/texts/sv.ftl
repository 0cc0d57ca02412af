# Det som människor läser på svenska. Alla språk har samma nycklar; ett test ser till det.

notice-subject = Nytt svar från { $candidate } ({ $reference })
notice-wrote = { $writer } har svarat.
notice-wrote-unnamed = Ett meddelande om ansökan från { $candidate } har kommit in.
notice-application = Ansökan: { $reference }, { $candidate }, { $job }
notice-written = Skrivet: { $date }
notice-forwarded = Vidarebefordrat: av { $forwarder }, { $date }
notice-direct = Skrivet direkt till oss: { $date }
notice-assigned = Tilldelat: manuellt
notice-moved = Flyttat hit: manuellt, { $date }
notice-files = Filer:
notice-file = { $name } ({ $kind })
notice-no-files = Filer: inga
notice-not-filed = Inte arkiverat:
skipped-type_refused = { $name } (filer av den här typen tas inte emot)
skipped-infected = { $name } (virusskannern hittade { $found })
skipped-not_scanned = { $name } (virusskannern kunde inte granska den)
notice-closed = Ansökan är redan avslutad. Meddelandet har ändå arkiverats.
notice-somebody-else = Varning: meddelandet är skrivet av en annan person, som har en egen ansökan. Kontrollera om det hör hemma här.
notice-sender-unknown = Avsändarens adress är ännu inte registrerad för den här personen. Kontrollera att meddelandet hör hemma här.
notice-same-id = Det finns redan ett meddelande med samma tekniska id men med annat innehåll; det kan vara en andra version. Båda har arkiverats.
notice-open = Öppna meddelandet:
notice-why = Du får det här mejlet eftersom du är ansvarig för den här ansökan.
notice-why-fallback = Du får det här mejlet eftersom ingen är ansvarig för den här ansökan.

correction-subject = Återtaget: Nytt svar från { $candidate } ({ $reference })
correction-withdrawn = Ett meddelande som hade arkiverats under den här ansökan har återtagits.
correction-moved = Ett meddelande som hade arkiverats under den här ansökan hör inte till den och har tagits bort härifrån.
correction-received = Mottaget: { $date }
correction-disregard = Bortse från meddelandet. Om du har sparat, skrivit ut eller skickat vidare dess text eller filer, radera eller förstör alla kopior.
correction-why = Du får det här mejlet eftersom du fick besked om meddelandet.

receipt-subject = Kunde inte arkiveras: { $subject }
receipt-subject-none = Kunde inte arkiveras: meddelande utan ämne
receipt-intro = Meddelandet som du vidarebefordrade { $date } kunde inte arkiveras. Det har inte gått förlorat, utan väntar.
receipt-typed = Ditt ämne: { $subject }
receipt-no_number = Ämnesraden börjar inte med ett ansökningsnummer.
receipt-number_not_strict = Ansökningsnumret står inte allra först i ämnesraden, eller följs inte av ett enda blanksteg. Det ska vara: först numret, sedan exakt ett blanksteg, sedan ämnet.
receipt-unknown_number = Det finns inget ansökningsnummer { $number }. Kontrollera det i ansökan.
receipt-bad_check_digit = Minst en siffra i ansökningsnumret { $number } är fel: kontrollsiffran stämmer inte.
receipt-application_erased = Ansökan med numret { $number } har raderats. Inget mer kan arkiveras under den.
receipt-sender_may_not_import = Din roll får inte importera svar. Be en HR-ansvarig för ansökan att vidarebefordra meddelandet.
receipt-number_and_sender_disagree = Ansökningsnumret { $number } hör till en annan person än den som skrev meddelandet. Kontrollera numret.
receipt-number_unconfirmed = Personen som skrev meddelandet är inte registrerad under numret { $number }. För att inget ska hamna i fel akt väntar meddelandet tills någon har bekräftat var det hör hemma.
receipt-sender_unclear = Det är oklart vem som skrev meddelandet: det anger flera avsändare, eller som namn en annan adress än avsändarens. De som sköter importen hos er behöver titta på det.
receipt-encrypted = Meddelandet är krypterat, så innehållet går inte att läsa här. Dekryptera det i ditt e-postprogram och vidarebefordra det igen utan kryptering.
receipt-token_and_number_disagree = Meddelandet gick till svarsadressen för en ansökan, och ämnesraden börjar med numret { $number } för en annan.
receipt-not_scanned = Virusskannern kunde inte granska meddelandet. Är den bara tillfälligt borta granskas meddelandet igen av sig självt; kan den inte granska en fil avgör de som sköter importen hos er. Till dess väntar det.
receipt-perhaps = Kanske hör meddelandet hemma här:
receipt-suggestion = { $reference }, { $candidate }, { $job } ({ $why })
receipt-answer = Svara på det här mejlet med rätt ansökningsnummer på första raden, så arkiveras meddelandet där.
receipt-answer-one = Om det stämmer, svara på det här mejlet med en 1 på första raden; skriv annars rätt ansökningsnummer där.
receipt-answer-some = Svara på det här mejlet med den siffra som passar, från 1 till { $last }, eller med rätt ansökningsnummer på första raden, så arkiveras meddelandet där.
receipt-end-answer = Bara första raden i ditt svar läses.
receipt-end = Svar på det här mejlet läses inte.

why-typed = numret som du skrev
why-token = ansökans svarsadress
why-address-and-number = samma avsändaradress, och nästan samma nummer
why-address = samma avsändaradress
why-name = samma namn
why-digits-swapped = två siffror omkastade
why-digit-off = en siffra skiljer sig
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
filed-intro = Meddelandet som du vidarebefordrade { $date } har arkiverats.
filed-told = Informerade: { $told }
filed-told-nobody = Informerade: ingen
filed-why = Du får det här mejlet eftersom kvitton på vidarebefordrade meddelanden är aktiverade för dig.

held-subject = Ett vidarebefordrat meddelande väntar
held-text = Ett meddelande som { $forwarder } vidarebefordrade { $date } kunde inte arkiveras och väntar.
held-direct-subject = Ett svar om ansökan { $number } väntar
held-direct-text = Ett meddelande som skickades { $date } till svarsadressen för ansökan { $number } kunde inte arkiveras och väntar. Den som skrev det får inget besked.
held-crashed-subject = Ett meddelande väntar: det avslutade programmet två gånger
held-crashed-text = Ett meddelande som kom { $date } väntar: programmet avbröts två gånger medan det behandlades. Meddelandet är oskadat, och efter en uppdatering görs av sig självt ett nytt försök. Den som skickade det får inget besked.
held-find = De som sköter importen hos er hittar det med: rohrpost dead-letter show { $id }
held-more = Du får besked om ytterligare väntande meddelanden högst en gång i timmen.

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
