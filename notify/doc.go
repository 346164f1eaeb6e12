// Package notify renders a notice and sends it once: by mail or to a webhook.
//
// It is a mechanism and decides nothing. Whom to tell, when to try again and when
// to give up are for its callers, who keep what was rendered in the same commit as
// what it tells of. Three properties make that safe.
//
//   - A retry is the same message. Message-ID and MIME boundary come from the notice,
//     the Date is the notice's own time, and a webhook's body is built once
//     ([Event.Body]) and kept. Whoever gets a message twice, because the answer to the
//     first was lost, can tell: the Message-ID, or the header webhook-id, is the same.
//   - A secret link is never rendered. [Data] has no room for one; a template says
//     {{.Link}} and gets "{link}", which [Message.WithLink] replaces just before the
//     mail goes out. A webhook never carries it.
//   - A failure says what a retry can do about it. Every error of Send is a
//     [*DeliveryError]; where only some recipients were refused, the others have the
//     mail, and [DeliveryError.Settled] names all that need no second attempt.
//
// Mail goes over TLS unless the server is on this machine. A webhook is reached only
// at public addresses unless private ones are allowed; that is judged on the address
// that is really dialed, so a name that resolves anew cannot get around it.
//
// The package holds no state and no connection, reads no clock and draws no random
// numbers of its own.
package notify
