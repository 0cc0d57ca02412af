# What people read in English. Every language has the same keys; a test sees to it.

notice-subject = New reply from { $candidate } ({ $reference })
notice-wrote = { $writer } has replied.
notice-wrote-unnamed = A message about the application of { $candidate } has arrived.
notice-application = Application: { $reference }, { $candidate }, { $job }
notice-written = Written: { $date }
notice-forwarded = Forwarded: by { $forwarder }, { $date }
notice-direct = Written to us directly: { $date }
notice-assigned = Assigned: by hand
notice-moved = Moved here: by hand, { $date }
notice-files = Files:
notice-file = { $name } ({ $kind })
notice-no-files = Files: none
notice-not-filed = Not filed:
skipped-type_refused = { $name } (files of this type are not taken)
skipped-infected = { $name } (the virus scanner found { $found })
skipped-not_scanned = { $name } (the virus scanner could not look into it)
notice-closed = The application is closed already. The message has been filed all the same.
notice-somebody-else = Caution: this message was written by another person, who has an application of their own. Please check whether it belongs here.
notice-sender-unknown = The sender's address is not known of this person yet. Please check that the message belongs here.
notice-same-id = Another message with the same identifier is there already; both are filed.
notice-open = Open message:
notice-why = You get this e-mail because you are responsible for this application.
notice-why-fallback = You get this e-mail because nobody is responsible for this application.

correction-subject = Taken back: New reply from { $candidate } ({ $reference })
correction-withdrawn = The message that was filed to this application on { $date } has been withdrawn.
correction-moved = The message that was filed to this application on { $date } does not belong to it and has been moved away.
correction-disregard = Please disregard it. If you have saved, printed or passed on its text or its files, please delete or destroy them.
correction-why = You get this e-mail because you were told of that message.

receipt-subject = Not filed: { $subject }
receipt-subject-none = Not filed: message without a subject
receipt-intro = The message that you forwarded on { $date } could not be filed. It is not lost: those who operate the import see it and look after it.
receipt-typed = Your subject: { $subject }
receipt-no_number = The subject does not begin with a reference number.
receipt-number_not_strict = The reference number is not at the very beginning of the subject, or not followed by a single space. It takes: first the number, then exactly one space, then the subject.
receipt-unknown_number = There is no reference number { $number }. Please look it up in the application.
receipt-bad_check_digit = At least one digit of the reference number { $number } is wrong: the check digit does not match.
receipt-application_erased = The application with the number { $number } has been erased. Nothing more is filed to it.
receipt-sender_may_not_import = Your role may not import replies. Please ask a responsible HR manager to forward the message.
receipt-number_and_sender_disagree = The reference number { $number } belongs to another person than the one who wrote the message. Please check the number.
receipt-number_unconfirmed = The person who wrote the message is not known under the number { $number }. So that nothing ends up in the wrong file, the message waits until it is confirmed where it belongs.
receipt-sender_unclear = It is not clear who wrote the message: it names several senders, or a name that is another address than the sender's. Those who operate the import look at it.
receipt-encrypted = The message is encrypted, so nothing in it can be read. Please decrypt it in your mail program and forward it again without encryption.
receipt-token_and_number_disagree = The message went to the reply address of one application, and its subject begins with the number { $number } of another.
receipt-not_scanned = The virus scanner could not look at the message. It waits until that is done; there is nothing you need to do.
receipt-perhaps = Perhaps the message belongs here:
receipt-suggestion = { $reference }, { $candidate }, { $job } ({ $why })
receipt-answer = Answer this e-mail with the right reference number in the first line; the message is then filed there.
receipt-answer-one = If that is right, answer this e-mail with a 1 in the first line; if not, write the right reference number there.
receipt-answer-some = Answer this e-mail with the number of your choice, from 1 to { $last }, or the right reference number in the first line; the message is then filed there.
receipt-end-answer = Only the first line of your answer is read.
receipt-end = Answers to this e-mail are not read.

why-typed = the number that you typed
why-address-and-number = the same sender's address, and nearly the same number
why-address = the same sender's address
why-name = the same name
why-digits-swapped = two digits swapped
why-digit-off = one digit differs
why-digit-missing = one digit missing or too many

again-intro = Your answer of { $date } has changed nothing.
again-not_understood = Its first line is neither one of the choices nor a reference number. The forwarded message still waits.
again-no_such_choice = That was not among the choices. The forwarded message still waits.
again-unknown_number = There is no reference number { $number }. The forwarded message still waits.
again-bad_check_digit = At least one digit of the reference number { $number } is wrong: the check digit does not match. The forwarded message still waits.
again-application_erased = The application with the number { $number } has been erased. The forwarded message still waits.
again-already_answered = You have answered this e-mail before, and your first answer counts.
again-no_longer_held = The forwarded message does not wait any more: somebody has looked after it already.

filed-subject = Filed to { $reference }, { $candidate }
filed-intro = The message that you forwarded on { $date } is filed.
filed-told = Told: { $told }
filed-told-nobody = Told: nobody
filed-why = You get this e-mail because you want a receipt for everything that you forward.

held-subject = A forwarded message waits
held-text = A message that { $forwarder } forwarded on { $date } could not be filed and is held. { $forwarder } has been told why. Those who operate the import find it with: rohrpost dead-letter list
held-more = Further messages are told of here once an hour at most.

postmaster-subject = Message to postmaster
postmaster-text = Attached is a message that was sent to postmaster.

kind-cv = CV
kind-cover_letter = Cover letter
kind-certificate = Certificate
kind-employment_reference = Employment reference
kind-photo = Photo
kind-work_sample = Work sample
kind-reference_report = Reference report
kind-dossier = Application folder
kind-other = Other
file-unnamed = file without a name
