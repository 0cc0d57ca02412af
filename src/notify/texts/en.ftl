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
notice-sender-unknown = The sender's address is not yet on record for this person. Please check that the message belongs here.
notice-same-id = There is already a message with the same technical identifier but different content; this may be a second version. Both have been filed.
notice-open = Open message:
notice-why = You get this e-mail because you are responsible for this application.
notice-why-fallback = You get this e-mail because nobody is responsible for this application.

correction-subject = Taken back: New reply from { $candidate } ({ $reference })
correction-withdrawn = A message that was filed under this application has been withdrawn.
correction-moved = A message that was filed under this application does not belong to it and has been removed from here.
correction-received = Received: { $date }
correction-disregard = Please disregard that message. If you have saved, printed or passed on its text or files, please delete or destroy all copies.
correction-why = You get this e-mail because you were notified of that message.

receipt-subject = Not filed: { $subject }
receipt-subject-none = Not filed: message without a subject
receipt-intro = The message that you forwarded on { $date } could not be filed. It is not lost; it is waiting.
receipt-typed = Your subject: { $subject }
receipt-no_number = The subject does not begin with a reference number.
receipt-number_not_strict = The reference number is not at the very beginning of the subject, or not followed by a single space. What is needed: first the number, then exactly one space, then the subject.
receipt-unknown_number = There is no reference number { $number }. Please look it up in the application.
receipt-bad_check_digit = At least one digit of the reference number { $number } is wrong: the check digit does not match.
receipt-application_erased = The application with the number { $number } has been erased. Nothing more can be filed under it.
receipt-sender_may_not_import = Your role may not import replies. Please ask an HR manager who is responsible for the application to forward the message.
receipt-number_and_sender_disagree = The reference number { $number } belongs to a different person from the one who wrote the message. Please check the number.
receipt-number_unconfirmed = The person who wrote the message is not on record under the number { $number }. So that nothing ends up in the wrong file, the message waits until somebody confirms where it belongs.
receipt-sender_unclear = It is not clear who wrote the message: it names several senders, or its sender's name is a different e-mail address. Those who operate the import need to look at it.
receipt-encrypted = The message is encrypted, so nothing in it can be read. Please decrypt it in your mail program and forward it again without encryption.
receipt-token_and_number_disagree = The message went to the reply address of one application, and its subject begins with the number { $number } of another.
receipt-not_scanned = The virus scanner could not check the message. If the scanner is only away for a while, the message is checked again by itself; if it cannot check a file, those who operate the import decide. Until then it waits.
receipt-perhaps = Perhaps the message belongs here:
receipt-suggestion = { $reference }, { $candidate }, { $job } ({ $why })
receipt-answer = Answer this e-mail with the right reference number in the first line; the message is then filed there.
receipt-answer-one = If that is right, answer this e-mail with a 1 in the first line; if not, write the right reference number there.
receipt-answer-some = Answer this e-mail with the number of your choice, from 1 to { $last }, or the right reference number in the first line; the message is then filed there.
receipt-end-answer = Only the first line of your answer is read.
receipt-end = Answers to this e-mail are not read.

why-typed = the number that you typed
why-token = the reply address of this application
why-address-and-number = the same sender's address, and nearly the same number
why-address = the same sender's address
why-name = the same name
why-digits-swapped = two digits swapped
why-digit-off = one digit differs
why-digit-missing = one digit missing or too many

again-intro = Your answer of { $date } has changed nothing.
again-not_understood = Its first line is neither one of the choices nor a reference number. The forwarded message is still waiting.
again-no_such_choice = That was not among the choices. The forwarded message is still waiting.
again-unknown_number = There is no reference number { $number }. The forwarded message is still waiting.
again-bad_check_digit = At least one digit of the reference number { $number } is wrong: the check digit does not match. The forwarded message is still waiting.
again-application_erased = The application with the number { $number } has been erased. The forwarded message is still waiting.
again-already_answered = You have answered this e-mail before, and your first answer counts.
again-no_longer_held = The forwarded message is no longer waiting: somebody has dealt with it already.

filed-subject = Filed under { $reference }, { $candidate }
filed-intro = The message that you forwarded on { $date } has been filed.
filed-told = Notified: { $told }
filed-told-nobody = Notified: nobody
filed-why = You get this e-mail because receipts for forwarded messages are switched on for you.

held-subject = A forwarded message is waiting
held-text = A message that { $forwarder } forwarded on { $date } could not be filed and is waiting.
held-direct-subject = A reply to application { $number } is waiting
held-direct-text = A message that was sent to the reply address of application { $number } on { $date } could not be filed and is waiting. Whoever wrote it is not told.
held-crashed-subject = A message is waiting: it ended the program twice
held-crashed-text = A message that arrived on { $date } is waiting: the program ended twice while it worked on it. The message is intact, and is tried once more by itself after an update. Whoever sent it is not told.
held-find = Those who operate the import find it with: rohrpost dead-letter show { $id }
held-more = You will be told of further waiting messages once an hour at most.

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
