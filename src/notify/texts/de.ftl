# Was Menschen auf Deutsch lesen. Jede Sprache hat dieselben Schlüssel; ein Test prüft das.

notice-subject = Neue Antwort von { $candidate } ({ $reference })
notice-wrote = { $writer } hat geantwortet.
notice-wrote-unnamed = Zur Bewerbung von { $candidate } ist eine Nachricht eingegangen.
notice-application = Bewerbung: { $reference }, { $candidate }, { $job }
notice-written = Geschrieben: { $date }
notice-forwarded = Weitergeleitet: von { $forwarder }, { $date }
notice-direct = Direkt geschrieben: { $date }
notice-assigned = Zugeordnet: von Hand
notice-moved = Hierher verschoben: von Hand, { $date }
notice-files = Dateien:
notice-file = { $name } ({ $kind })
notice-no-files = Dateien: keine
notice-not-filed = Nicht abgelegt:
skipped-type_refused = { $name } (Dateien dieser Art werden nicht angenommen)
skipped-infected = { $name } (der Virenscanner hat { $found } gefunden)
skipped-not_scanned = { $name } (der Virenscanner konnte diese Datei nicht prüfen)
notice-closed = Die Bewerbung ist bereits abgeschlossen. Die Nachricht wurde trotzdem abgelegt.
notice-somebody-else = Achtung: Geschrieben hat die Nachricht eine andere Person, von der es eine eigene Bewerbung gibt. Bitte prüfe, ob sie hierher gehört.
notice-sender-unknown = Die Absenderadresse ist bei dieser Person noch nicht bekannt. Bitte prüfe, ob die Nachricht hierher gehört.
notice-same-id = Es gibt schon eine Nachricht mit derselben technischen Kennung, aber anderem Inhalt; vielleicht ist es eine zweite Fassung. Beide sind abgelegt.
notice-open = Nachricht öffnen:
notice-why = Du bekommst diese E-Mail, weil du für diese Bewerbung zuständig bist.
notice-why-fallback = Du bekommst diese E-Mail, weil für diese Bewerbung niemand zuständig ist.

correction-subject = Zurückgenommen: Neue Antwort von { $candidate } ({ $reference })
correction-withdrawn = Eine Nachricht, die zu dieser Bewerbung abgelegt war, wurde zurückgenommen.
correction-moved = Eine Nachricht, die zu dieser Bewerbung abgelegt war, gehört nicht zu ihr und wurde von hier entfernt.
correction-received = Eingegangen: { $date }
correction-disregard = Bitte beachte die Nachricht nicht weiter. Wenn du ihren Text oder ihre Dateien gespeichert, gedruckt oder weitergegeben hast, lösche oder vernichte bitte alle Kopien.
correction-why = Du bekommst diese E-Mail, weil du über diese Nachricht benachrichtigt wurdest.

receipt-subject = Nicht zugeordnet: { $subject }
receipt-subject-none = Nicht zugeordnet: Nachricht ohne Betreff
receipt-intro = Deine weitergeleitete Nachricht vom { $date } konnte nicht abgelegt werden. Sie ist nicht verloren, sondern wartet.
receipt-typed = Dein Betreff: { $subject }
receipt-no_number = Am Anfang des Betreffs steht keine Bewerbungsnummer.
receipt-number_not_strict = Die Bewerbungsnummer steht nicht ganz am Anfang des Betreffs, oder es folgt ihr kein einzelnes Leerzeichen. Verlangt ist: zuerst die Nummer, dann genau ein Leerzeichen, dann der Betreff.
receipt-unknown_number = Die Bewerbungsnummer { $number } gibt es nicht. Bitte prüfe sie in der Bewerbung.
receipt-bad_check_digit = In der Bewerbungsnummer { $number } ist mindestens eine Ziffer falsch: Die Prüfziffer stimmt nicht.
receipt-application_erased = Die Bewerbung mit der Nummer { $number } wurde gelöscht. Zu ihr kann nichts mehr abgelegt werden.
receipt-sender_may_not_import = Deine Rolle darf keine Antworten importieren. Wende dich an die Personalabteilung, damit jemand, der für die Bewerbung zuständig ist, die Nachricht weiterleitet.
receipt-number_and_sender_disagree = Die Bewerbungsnummer { $number } gehört zu einer anderen Person als der, die die Nachricht geschrieben hat. Bitte prüfe die Nummer.
receipt-number_unconfirmed = Wir kennen die Person, die die Nachricht geschrieben hat, bei der Nummer { $number } nicht. Damit nichts in der falschen Akte landet, wartet die Nachricht, bis die Zuordnung bestätigt ist.
receipt-sender_unclear = Es ist nicht klar, wer die Nachricht geschrieben hat: Sie nennt mehrere Absender oder als Namen eine andere Adresse als die des Absenders. Wer bei euch den Import betreut, muss sie sich ansehen.
receipt-encrypted = Die Nachricht ist verschlüsselt; ihr Inhalt lässt sich hier nicht lesen. Bitte entschlüssle sie in deinem Mailprogramm und leite sie unverschlüsselt noch einmal weiter.
receipt-token_and_number_disagree = Die Nachricht ging an die Antwortadresse einer Bewerbung, und am Anfang des Betreffs steht die Nummer { $number } einer anderen.
receipt-not_scanned = Der Virenscanner konnte die Nachricht nicht prüfen. Ist er nur vorübergehend nicht erreichbar, wird sie von selbst noch einmal geprüft; kann er eine Datei nicht prüfen, entscheidet, wer bei euch den Import betreut. Bis dahin wartet sie.
receipt-perhaps = Vielleicht gehört die Nachricht hierher:
receipt-suggestion = { $reference }, { $candidate }, { $job } ({ $why })
receipt-answer = Antworte auf diese E-Mail, und schreib die richtige Bewerbungsnummer in die erste Zeile; dann wird die Nachricht dort abgelegt.
receipt-answer-one = Stimmt das, dann antworte auf diese E-Mail mit einer 1 in der ersten Zeile; sonst schreib die richtige Bewerbungsnummer dorthin.
receipt-answer-some = Antworte auf diese E-Mail, und schreib die passende Zahl von 1 bis { $last } oder die richtige Bewerbungsnummer in die erste Zeile; dann wird die Nachricht dort abgelegt.
receipt-end-answer = Von deiner Antwort wird nur die erste Zeile gelesen.
receipt-end = Antworten auf diese E-Mail werden nicht gelesen.

why-typed = die Nummer, die du geschrieben hast
why-token = die Antwortadresse dieser Bewerbung
why-address-and-number = dieselbe Absenderadresse und fast dieselbe Nummer
why-address = dieselbe Absenderadresse
why-name = derselbe Name
why-digits-swapped = zwei Ziffern vertauscht
why-digit-off = eine Ziffer anders
why-digit-missing = eine Ziffer zu viel oder zu wenig

again-intro = Deine Antwort vom { $date } hat nichts geändert.
again-not_understood = In ihrer ersten Zeile steht weder eine der angebotenen Zahlen noch eine Bewerbungsnummer. Die weitergeleitete Nachricht wartet weiter.
again-no_such_choice = Diese Zahl stand nicht zur Wahl. Die weitergeleitete Nachricht wartet weiter.
again-unknown_number = Die Bewerbungsnummer { $number } gibt es nicht. Die weitergeleitete Nachricht wartet weiter.
again-bad_check_digit = In der Bewerbungsnummer { $number } ist mindestens eine Ziffer falsch: Die Prüfziffer stimmt nicht. Die weitergeleitete Nachricht wartet weiter.
again-application_erased = Die Bewerbung mit der Nummer { $number } wurde gelöscht. Die weitergeleitete Nachricht wartet weiter.
again-already_answered = Auf diese E-Mail hast du schon einmal geantwortet, und deine erste Antwort gilt.
again-no_longer_held = Die weitergeleitete Nachricht wartet nicht mehr: Jemand hat sich schon um sie gekümmert.

filed-subject = Abgelegt zu { $reference }, { $candidate }
filed-intro = Deine weitergeleitete Nachricht vom { $date } wurde abgelegt.
filed-told = Benachrichtigt: { $told }
filed-told-nobody = Benachrichtigt: niemand
filed-why = Du bekommst diese E-Mail, weil für dich Quittungen für weitergeleitete Nachrichten eingeschaltet sind.

held-subject = Eine weitergeleitete Nachricht wartet
held-text = Eine Nachricht, die { $forwarder } am { $date } weitergeleitet hat, konnte nicht abgelegt werden und wartet.
held-direct-subject = Eine Antwort zur Bewerbung { $number } wartet
held-direct-text = Eine Nachricht, die am { $date } an die Antwortadresse der Bewerbung { $number } ging, konnte nicht abgelegt werden und wartet. Wer sie geschrieben hat, erfährt davon nichts.
held-crashed-subject = Eine Nachricht wartet: sie hat das Programm zweimal beendet
held-crashed-text = Eine Nachricht, die am { $date } angekommen ist, wartet: Während sie verarbeitet wurde, ist das Programm zweimal abgebrochen. Sie ist unversehrt, und nach einem Update wird sie von selbst noch einmal versucht. Wer sie geschickt hat, erfährt davon nichts.
held-find = Wer bei euch den Import betreut, findet sie mit: rohrpost dead-letter show { $id }
held-more = Über weitere wartende Nachrichten wirst du höchstens einmal pro Stunde informiert.

postmaster-subject = Nachricht an postmaster
postmaster-text = Angehängt ist eine Nachricht, die an postmaster ging.

kind-cv = Lebenslauf
kind-cover_letter = Anschreiben
kind-certificate = Zeugnis
kind-employment_reference = Arbeitszeugnis
kind-photo = Foto
kind-work_sample = Arbeitsprobe
kind-reference_report = Referenzbericht
kind-dossier = Bewerbungsmappe
kind-other = Sonstige
file-unnamed = Datei ohne Namen
