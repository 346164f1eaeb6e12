package gate_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func TestTheDigestIsOfABusinessDayFromEightOnTheWall(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	calendar := gate.Calendar{Zone: zone, Closed: func(day gate.Date) bool { return day == "2027-05-31" }}
	for _, row := range []struct {
		now  string
		day  gate.Date
		want bool
	}{
		{"2027-03-12T12:59:59Z", "2027-03-12", false}, // Friday, 07:59:59 EST
		{"2027-03-12T13:00:00Z", "2027-03-12", true},
		{"2027-03-13T04:59:59Z", "2027-03-12", true}, // to the end of the day
		{"2027-03-13T15:00:00Z", "2027-03-13", false},
		{"2027-03-14T15:00:00Z", "2027-03-14", false}, // Sunday, clocks go forward
		{"2027-03-15T11:59:59Z", "2027-03-15", false}, // Monday, 07:59:59 EDT
		{"2027-03-15T12:00:00Z", "2027-03-15", true},
		{"2027-05-31T14:00:00Z", "2027-05-31", false}, // Memorial Day
		{"2027-06-01T12:00:00Z", "2027-06-01", true},
		{"2027-11-05T12:00:00Z", "2027-11-05", true},  // Friday, 08:00 EDT
		{"2027-11-08T12:00:00Z", "2027-11-08", false}, // Monday, 07:00 EST
		{"2027-11-08T13:00:00Z", "2027-11-08", true},
	} {
		now, err := time.Parse(time.RFC3339, row.now)
		if err != nil {
			t.Fatal(err)
		}
		if day, due := calendar.DigestDay(now); day != row.day || due != row.want {
			t.Errorf("%s: %s %v, want %s %v", row.now, day, due, row.day, row.want)
		}
	}
}
