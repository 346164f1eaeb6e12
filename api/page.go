package api

import (
	"maps"
	"slices"

	"github.com/onerecord/certgate/gate"
)

// page explains one problem to whoever met it.
type page struct {
	Title string // in the problem itself too
	// Detail is the fixed text of a refusal, in the problem; empty where it says more each time.
	Detail string
	What   string // what happened
	Who    string // who can fix it
	Do     string // what to do
	Retry  string // does sending it again help
}

const (
	retryNever   = "No. The same request gets the same answer until this has been fixed."
	retrySoon    = "Yes. Wait as long as Retry-After says, then longer each time."
	whoYou       = "You, in the program that calls."
	whoYourAdmin = "You, where your system keeps its certificate and key."
	whoOperators = "OneRecord's operators."
	whoStaff     = "OneRecord's staff. Quote the instance of the problem when you ask."
)

// pages explains every code. Codes are never renamed, so links to these pages stay good.
var pages = map[string]page{
	gate.Unavailable.String(): {
		Title: "Not available now", Detail: "The request could not be decided now; nothing was passed on.",
		What: "certgate could not decide about the request: it is starting or stopping, or something is wrong on our side. It was not passed on.",
		Who:  "OneRecord. We see it, too.", Do: "Send the request again after a while. If it lasts more than a few minutes, tell us.", Retry: retrySoon,
	},
	gate.CertificateRequired.String(): {
		Title: "A client certificate is required", Detail: "The connection brought no client certificate.",
		What: "The connection did not present a client certificate, or did not come over TLS all the way.",
		Who:  whoYourAdmin, Do: "Configure your TLS client with the certificate and private key of this device, and connect directly: a proxy that ends TLS in between takes the certificate away.", Retry: retryNever,
	},
	gate.CertificateUntrusted.String(): {
		Title: "The client certificate is not one of ours", Detail: "The client certificate does not lead to a certificate authority of ours.",
		What: "The certificate that the connection presented was not issued by OneRecord's certificate authority.",
		Who:  whoYourAdmin, Do: "Present the certificate that you received when you enrolled, with its chain. One from another authority or a self-signed one is never accepted.", Retry: retryNever,
	},
	gate.CertificateExpired.String(): {
		Title: "The client certificate has expired", Detail: "The client certificate has expired. It can no longer renew itself; a new one is taken with a new enrollment link.",
		What: "The last day of the certificate has passed.", Who: "You and OneRecord's staff: a new certificate is needed.",
		Do: "Ask for a new enrollment link (staff: certgate enroll ACCOUNT/ORGANIZATION/DEVICE) and take a new certificate. The next time, renew it before it ends: POST /.well-known/certgate/certificate. Check your clock if you think that it is still valid.", Retry: retryNever,
	},
	gate.CertificateNotYetValid.String(): {
		Title: "The client certificate is not valid yet", Detail: "The client certificate is not valid yet.",
		What: "The certificate begins to be valid later than now.", Who: whoYourAdmin,
		Do: "Use the certificate that is valid now, or wait until this one is.", Retry: "Yes, once the certificate has become valid.",
	},
	gate.CertificateUnsuitable.String(): {
		Title: "The certificate is not for clients", Detail: "The certificate is not made for clients.",
		What: "The certificate is that of an authority, or lacks the extended key usage for TLS clients.", Who: whoYourAdmin,
		Do: "Present the leaf certificate that you received when you enrolled, not that of its issuer.", Retry: retryNever,
	},
	gate.CertificateUnknown.String(): {
		Title: "The client certificate is not known here", Detail: "The client certificate is not registered for this environment.",
		What: "The certificate is of OneRecord's authority, but no device of this environment is registered with it.", Who: whoYourAdmin,
		Do: "Check that you use the certificate of the right environment (preprod or production).", Retry: retryNever,
	},
	gate.CertificateRevoked.String(): {
		Title: "The client certificate was revoked", Detail: "The client certificate was revoked.",
		What: "The certificate was revoked and will never be accepted again. Your contacts were told why.", Who: whoStaff,
		Do: "Stop using it. Ask for a new enrollment link, and make a new key pair for it.", Retry: retryNever,
	},
	gate.CertificateUnchecked.String(): {
		Title: "No current revocation list", Detail: "No current revocation list of the CA that issued the client certificate is known here.",
		What: "The certificate is of your own CA, whose revocation list has run out or could not be read for too long. Without one nobody knows what the CA has revoked, so nothing of it is accepted. Your contacts were told before.",
		Who:  "Whoever runs your CA.", Do: "Publish a current list at the address that OneRecord reads. It is asked for every few minutes. Or ask for an enrollment link, and take a certificate of OneRecord's.",
		Retry: "Yes, some minutes after a current list was published.",
	},
	gate.InvalidRequest.String(): {
		Title: "The request is ambiguous", Detail: "The request could be read in two ways: two keys or purposes, a key in the query, or a path that is not canonical.",
		What: "The request could be understood in more than one way: it has two keys, a key in the query, two purposes, or a path with dot segments, empty segments or encoded separators.",
		Who:  whoYou, Do: "Send one key in the Authorization header field, at most one purpose, and a path in plain form.", Retry: retryNever,
	},
	gate.KeyRequired.String(): {
		Title: "A key is required", Detail: "The request brought no key; send it as Authorization: Bearer KEY.",
		What: "The request has no key in its Authorization header field.", Who: whoYou,
		Do: "Send the key of this device as Authorization: Bearer KEY. Nowhere else: a key in a query ends up in logs.", Retry: retryNever,
	},
	gate.InvalidToken.String(): {
		Title: "The key is not accepted",
		What:  "The key is unknown, damaged, revoked, of another environment, or belongs to another device than the certificate. For your own protection the answer does not say which.",
		Who:   whoYourAdmin, Do: "Check that key and certificate are those of the same device in this environment and that the key was copied whole. If it may have been seen by others, have it revoked at once.", Retry: retryNever,
	},
	gate.AccountSuspended.String(): {
		Title: "Suspended",
		What:  "The account, organization, device or credential (the detail says which) is suspended. Your contacts were told the reason.",
		Who:   whoStaff, Do: "Read the notice that was sent to your contacts. If it is wrong, appeal: reply to the notice, or " + howToAppeal + ". You may while you are suspended; /.well-known/certgate/status names the incident and says how the appeal stands.", Retry: "Yes, once the suspension has been lifted or has ended.",
	},
	gate.AccountTerminated.String(): {
		Title: "Terminated",
		What:  "The account, organization, device or credential (the detail says which) was terminated for good. Your contacts were told the reason.",
		Who:   whoStaff, Do: "Read the notice that was sent to your contacts.", Retry: retryNever,
	},
	gate.ContractMissing.String(): {
		Title: "There is no contract", Detail: "There is no contract for this account.",
		What: "Production can be called under a contract only, and this account has none.", Who: "Your business contact and OneRecord.",
		Do: "Conclude a contract first.", Retry: retryNever,
	},
	gate.ContractNotYetStarted.String(): {
		Title: "The contract has not started", Detail: "The contract has not started yet.",
		What: "The first day of the contract is still to come.", Who: "Nobody needs to: it starts by itself.",
		Do: "Wait until the first day of the contract, in its time zone.", Retry: "Yes, from the first day of the contract on.",
	},
	gate.ContractHasEnded.String(): {
		Title: "The contract has ended", Detail: "The contract has ended.",
		What: "The last day of the contract has passed, or it was ended early.", Who: "Your business contact and OneRecord.",
		Do: "Renew the contract. Key and certificate go on under the new term.", Retry: "Yes, once a new term is in force.",
	},
	gate.CertificationMissing.String(): {
		Title: "The integration is not certified", Detail: "This device is on no certification in force.",
		What: "Production can be called by a certified integration only, and this device is on no certification that was released.", Who: "You and OneRecord's staff.",
		Do: "Ask for a certification that covers this device. It takes an interview with a demo.", Retry: retryNever,
	},
	gate.CertificationEnded.String(): {
		Title: "The certification has ended", Detail: "The certification of this integration has ended with its contract.",
		What: "A certification ends with the term of its contract unless it is carried over.", Who: "You and OneRecord's staff.",
		Do: "Ask for the certification to be carried over to the new term, or for a new one.", Retry: retryNever,
	},
	gate.CertificationNoLonger.String(): {
		Title: "The certification was revoked", Detail: "The certification of this integration was revoked.",
		What: "The certification was revoked for cause. Your contacts were told why.", Who: whoStaff,
		Do: "Read the notice, fix what it names, and ask for a new certification.", Retry: retryNever,
	},
	gate.RecertificationOverdue.String(): {
		Title: "Recertification is overdue", Detail: "The integration had to be recertified by a day that has passed.",
		What: "The integration changed materially, and the day by which the change had to be certified has passed.", Who: "You and OneRecord's staff.",
		Do: "Hand in the updated documents and show the change in an interview.", Retry: "Yes, once the change has been certified.",
	},
	gate.BehaviorUnknown.String(): {
		Title: "There is no such call", Detail: "Method and path match no call that is offered here.",
		What: "Method and path match none of the calls that this site offers.", Who: whoYou,
		Do: "Check method and path against the API's documentation; upper and lower case count.", Retry: retryNever,
	},
	gate.BehaviorNotGranted.String(): {
		Title: "This call is not granted", Detail: "This call is not in your contract or not in your certified profile.",
		What: "The call exists, but your contract does not grant it or your integration was not certified for it.", Who: "You and OneRecord's staff.",
		Do: "Leave the call out, or ask for contract and certification to be extended to it.", Retry: retryNever,
	},
	gate.PurposeRequired.String(): {
		Title: "A purpose of use is required", Detail: "Several purposes are granted; say which one in Purpose-Of-Use.",
		What: "More than one purpose of use is granted, so the request has to say for which it asks.", Who: whoYou,
		Do: "Send Purpose-Of-Use with TREAT, HPAYMT, HOPERAT or PATRQT, or have a default set for the device.", Retry: retryNever,
	},
	gate.PurposeNotGranted.String(): {
		Title: "This purpose of use is not granted", Detail: "The purpose of use is unknown or not granted.",
		What: "The purpose of use is none of the known codes, or not in your contract and certified profile.", Who: "You and OneRecord's staff.",
		Do: "Send a purpose that is granted, or ask for contract and certification to be extended to it.", Retry: retryNever,
	},
	gate.AddressNotAllowed.String(): {
		Title: "Not from this address", Detail: "Calls from this address are not allowed for this device.",
		What: "The request came from an address that is not among those of this device. The address of the connection counts, not one in a header.", Who: "You and OneRecord's staff.",
		Do: "Call from a registered network, or have the new one registered.", Retry: retryNever,
	},
	gate.UpgradeNotAllowed.String(): {
		Title: "The protocol may not be changed", Detail: "Upgrade, CONNECT and TRACE are not allowed for this call.",
		What: "The request asked for another protocol (Upgrade), for a tunnel (CONNECT) or for TRACE, and the call does not allow it.", Who: whoYou,
		Do: "Send a plain request.", Retry: retryNever,
	},
	gate.RateExceeded.String(): {
		Title: "Too many calls at once", Detail: "The calls came faster than your plan allows; wait as long as Retry-After says.",
		What: "Your plan lets through so many units in so many seconds, and this call would have been more. Nothing of it was counted.", Who: whoYou,
		Do: "Wait as long as Retry-After says, and spread calls out. RateLimit in each answer says what is left.", Retry: "Yes, after as many seconds as Retry-After says.",
	},
	gate.QuotaExceeded.String(): {
		Title: "The quota is used up", Detail: "The day's or month's quota of your plan is used up.",
		What: "Your plan lets through so many units a day or a month of the calendar, in the contract's time zone, and this call would have been more. Nothing of it was counted.", Who: "You, or OneRecord's staff, who can amend the contract.",
		Do: "Wait for the next day or month, or ask for a larger plan. RateLimit in each answer says what is left.", Retry: "Yes, after as many seconds as Retry-After says.",
	},
	gate.ConcurrencyExceeded.String(): {
		Title: "Too many calls run at the same time", Detail: "As many calls run already as your plan allows at the same time.",
		What: "Your plan lets so many calls run at the same time, and as many had not ended yet. An upgraded connection counts until it closes.", Who: whoYou,
		Do: "Wait until a call has ended, read answers to their end, and close what you do not need.", Retry: "Yes, as soon as one of your calls has ended.",
	},
	gate.PatientsExceeded.String(): {
		Title: "Too many different patients", Detail: "The call is about more different patients than your plan allows in an hour or a day.",
		What: "Your plan allows so many different patients an hour or a day, and this call was about a further one. Patients that you asked about before still pass.", Who: "You, or OneRecord's staff, who can amend the contract.",
		Do: "Wait for the next hour or day, or ask for a larger plan.", Retry: "Yes, after as many seconds as Retry-After says.",
	},
	gate.AbnormalUsage.String(): {
		Title: "Calls are throttled", Detail: "Unusual use was seen, so fewer calls are let through for now; your contacts were told why.",
		What: "The account, organization, device or credential is throttled: less is let through than your plan says. Your contacts were told the reason, the limit and the end.", Who: whoStaff,
		Do: "Read the notice that was sent to your contacts. /.well-known/certgate/status says until when, names the incident and says how an appeal stands. If it is wrong, appeal: reply to the notice, or " + howToAppeal + ".", Retry: "Yes, after as many seconds as Retry-After says.",
	},
	gate.SourceExceeded.String(): {
		Title: "Too many refused requests", Detail: "Too many requests from this address, or with this certificate, were refused; wait as long as Retry-After says.",
		What: "Many requests from the same address or with the same certificate were refused one after the other. Until that is over each further one that would be refused gets this answer; one that is in order passes.", Who: whoYou,
		Do: "Stop sending what is refused. Look up why the first ones were: the code is in their answers, and OneRecord's staff can find them.", Retry: "Yes, with a request that is in order at once; otherwise after as many seconds as Retry-After says.",
	},
	gate.ClockUnusable.String(): {
		Title: "The clock cannot be trusted", Detail: "Our clock is wrong, so nothing can be decided now.",
		What: "The clock of our server is wrong, so what is valid and what has expired cannot be told. Nothing is let through meanwhile.", Who: "OneRecord's operators. Two people must confirm the time.",
		Do: "Nothing on your side. Send the request again later.", Retry: retrySoon,
	},
	gate.StateUnconfirmed.String(): {
		Title: "The state is not confirmed", Detail: "This site is being checked, so nothing can be decided now.",
		What: "The site is configured for a lower environment than before, or was restored from a backup that may lack the latest changes. Nothing is let through until two people have confirmed it.", Who: "OneRecord's operators.",
		Do: "Nothing on your side. Send the request again later.", Retry: retrySoon,
	},

	// What follows are the kinds of gate.Error: a change was asked for and failed.

	gate.Internal.Error(): {
		Title: "Something went wrong on our side", Detail: "Something went wrong on our side; quote the instance when you ask.",
		What: "certgate met an error that it does not explain to clients. Nothing was changed, or what was changed is in the log of events.", Who: whoOperators,
		Do: "Look for the instance of the problem in certgate's log.", Retry: "Perhaps. Send the same request with the same Idempotency-Key.",
	},
	gate.Invalid.Error(): {
		Title: "The request is wrong", Detail: "The request is wrong.",
		What: "The request cannot be read, or a value in it is not allowed. The problem names the field, and the detail what is allowed. Nothing was changed.",
		Who:  whoYou, Do: "Correct the field.", Retry: retryNever,
	},
	gate.NotFound.Error(): {
		Title: "Not found", Detail: "There is no such thing.",
		What: "There is nothing by this name, or at this address.", Who: whoYou,
		Do: "Check the spelling. An enrollment link must be copied whole.", Retry: retryNever,
	},
	gate.Forbidden.Error(): {
		Title: "Not allowed", Detail: "You may not do this.",
		What: "You lack the role that this takes, or somebody else must do it because you did the step before.", Who: "A person with the role that the detail names.",
		Do: "Ask such a person.", Retry: retryNever,
	},
	gate.Conflict.Error(): {
		Title: "Not possible in this state", Detail: "The state does not allow it.",
		What: "The state of the record does not allow this now. The detail says which state it is, and what would.", Who: whoYou,
		Do: "Do first what the detail names.", Retry: retryNever,
	},
	gate.Exists.Error(): {
		Title: "The name is taken", Detail: "The name is taken.",
		What: "Something by this name exists already.", Who: whoYou, Do: "Choose another name, or use what exists.", Retry: retryNever,
	},
	gate.Stale.Error(): {
		Title: "Changed in the meantime", Detail: "The record was changed since you read it.",
		What: "The record is no longer what If-Match says: somebody changed it since you read it. Nothing was changed by this request.", Who: whoYou,
		Do: "Read it again, and repeat the change if it still fits.", Retry: "Yes, with the new ETag.",
	},
	gate.Unauthorized.Error(): {
		Title: "You are not known here", Detail: "Nobody who may act is known by this certificate.",
		What: "The certificate is not that of a staff member who may act.", Who: "You, or an admin.",
		Do: "Use your staff certificate. A new one takes effect when a second admin has confirmed it.", Retry: retryNever,
	},
}

// codes lists every code that has a page.
func codes() []string { return slices.Sorted(maps.Keys(pages)) }
