package authority

import (
	"crypto/rand"
	"io"
	"time"
)

// Clock reads the system's clock, for commands that work where no authority is open.
func Clock() time.Time { return time.Now() }

// Randomness is the system's, for the same commands.
func Randomness() io.Reader { return rand.Reader }
