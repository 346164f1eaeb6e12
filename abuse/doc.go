// Package abuse finds accounts that are used in ways they should not be: records drained patient by patient, identifiers tried one after
// another, credentials that several hold, traffic that has grown into something nobody agreed on.
//
// It is arithmetic. A [Detector] is told what each device did in an hour or a quarter of one ([Row]: counts and nothing else, no path, patient
// or address), keeps a few kilobytes on each account, and returns [Finding]s: which rule, which account, which device where one stands out,
// the window, and each number beside the threshold that it passed. It reads no clock, draws nothing at random and touches no disk, so [Replay]
// over recorded rows does the same, to the byte, each time.
//
// # Baselines
//
// What is usual is learned per account and hour of the week (hours of the account's own zone): the median of that hour and its neighbors in the
// last [Weeks] weeks, averaged over those days of the week that are alike. How far hours lie from it is one robust scale, pooled over the
// account, on the cube-root scale, where the counts of steady and of uneven customers are alike. Textbook settings (a median and MAD per slot, 3.5
// of them) would raise several false alarms a week and account; so nothing here fires on less than a floor, a ratio and a distance at once.
// Until four weeks are known the volume that the customer declared stands in.
//
// Where one hour of an uneven customer is high the next often is, too, so two of three prove less than they seem to. Each account therefore also
// has the scale of two hours in a row and of a day's, and a surge must lie far enough above the usual in a run of windows taken together, two in
// three of which meet the conditions: some quarters of one hour where it is high, several hours where it is less.
//
// Seven things keep the ordinary from looking like abuse: what everybody does at once (a holiday's end) is taken out of each ([Detector.Hour] is
// given all accounts); what an account could not do while it was down it may do after; hours in which it was down or away are not learned; what
// it has grown by of late is taken out; the hours beside an hour count too, because jobs start late; a peak that also came one, two or three
// months ago is no surprise; and a baseline does not learn while its account is under suspicion, nor ever more than three scales above what it
// knew.
//
// # What may follow
//
// A statistical rule may ask for a notice and a throttle, a deterministic one (a certificate with another's key) may ask that the one
// credential be suspended; nothing here asks for more. [Policy] adds up the findings of an account, lets them fade, and says how far up it
// stands; a rule that would hit several accounts in one hour is held, because then it is more likely that we are wrong.
//
// How well all this tells one from the other is measured by bench/abuse, misses included.
package abuse
