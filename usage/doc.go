// Package usage counts what devices use, to the call, and keeps the counts.
//
// A [Meter] counts in memory. Once a second [Store.Flush] writes the minutes that changed, each with its whole value, so that writing one
// twice changes nothing; a minute that the meter begins is read back before it is first written, so that a restart goes on counting where the
// process ended. A process that is killed loses what it counted since the last flush, and nothing is ever counted twice.
//
// Minutes are summed into quarters of an hour, and those into days. Each sum is computed from what it is the sum of, so it can be computed again.
// There are no hours: days are those of a time zone, and some zones are 30 or 45 minutes off, while all are whole quarters apart. Minutes
// are kept for [MinutesKept], quarters for [QuartersKept], days for [DaysKept].
//
// Of a call nothing is kept but its device, behavior, purpose and outcome: no path, no patient, no address. How many different patients calls
// named, and from how many networks they came, is kept in sketches by device and hour of its zone ([Store.Seen], [Store.Hours]), written each
// minute. What goes in is a keyed hash, hashed again under a key of the day; hours of a day merge, also over the devices of an account, and days do
// not: there are no figures for months, because the sum of days counts a patient once a day. When a day can change no more its sketches become
// numbers. Which patients are new to an account is told by two sketches of its own that last 60 days (see known). A sketch takes at most
// [SketchBytes]; all that are held in memory take 256 MiB, and one is held while its device calls, that of a quarter of an hour until that has ended.
// What else rules look at is kept as numbers ([Trace]).
//
// What all devices did in an hour or a quarter of one is also kept by time, for those who watch for abuse ([Window]): what they were told must be
// there to be judged again, the same to the byte.
package usage
