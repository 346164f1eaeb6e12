package notify

// What the tests look at from outside.
var (
	Compose     = compose
	CheckTarget = checkTarget
	DialGuard   = dialGuard
	Sample      = sample
)
