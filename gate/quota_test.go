package gate_test

import (
	"testing"
	"time"

	"github.com/onerecord/certgate/gate"
)

func TestAQuotaRunsOutWhenUseGoesOnAsItWent(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	long := time.Date(2027, time.November, 7, 0, 0, 0, 0, zone) // of 25 hours
	for _, row := range []struct {
		used  int64
		after time.Duration
		want  time.Duration // after the beginning; 0: it lasts
	}{
		{80, 10 * time.Hour, 12*time.Hour + 30*time.Minute},
		{80, 20 * time.Hour, 0}, // 25 hours, when the day has ended
		{80, 19*time.Hour + 59*time.Minute, 24*time.Hour + 58*time.Minute + 45*time.Second},
		{100, time.Hour, time.Hour}, {120, time.Hour, time.Hour}, // a plan that was lowered
		{0, time.Hour, 0}, {80, 0, 0}, {80, -time.Hour, 0},
	} {
		q := gate.QuotaUse{Used: row.used, Room: 100, Start: long, End: long.Add(25 * time.Hour)}
		at, runsOut := q.RunsOut(long.Add(row.after))
		if runsOut != (row.want != 0) || runsOut && !at.Equal(long.Add(row.want)) {
			t.Errorf("%d after %s: %s, %t; want %s", row.used, row.after, at.Sub(long), runsOut, row.want)
		}
	}
}

func TestAMarkIsToldOnce(t *testing.T) {
	start := time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC)
	now, end := start.Add(12*time.Hour), start.AddDate(0, 0, 1)
	told := func(percent int, used int64) *gate.Reminder {
		return &gate.Reminder{Percent: percent, Used: used, Ends: end, At: start.Add(11 * time.Hour)}
	}
	yesterday := &gate.Reminder{Percent: 95, Used: 99, Ends: start, At: start.Add(-time.Hour)}
	for _, row := range []struct {
		name       string
		used, room int64
		last       *gate.Reminder
		want       int // 0: nothing is told
	}{
		{"below", 79, 100, nil, 0},
		{"at the mark", 80, 100, nil, 80},
		{"told", 94, 100, told(80, 80), 0},
		{"the next mark", 95, 100, told(80, 80), 95},
		{"both at once", 96, 100, nil, 95},
		{"told yesterday", 80, 100, yesterday, 80},
		{"raised, and below again", 100, 200, told(95, 96), 0},
		{"raised, and reached again", 160, 200, told(95, 96), 80},
		{"lowered below what was told", 96, 90, told(95, 96), 0},
		{"lowered to the next mark", 82, 85, told(80, 82), 95},
		{"no room at all", 5, 0, nil, 0},
	} {
		q := gate.QuotaUse{Used: row.used, Room: row.room, Start: start, End: end}
		got, due := q.Due(row.last, now)
		if due != (row.want != 0) || due && got != row.want {
			t.Errorf("%s: %d, %t; want %d", row.name, got, due, row.want)
		}
	}
}
