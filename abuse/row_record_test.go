package abuse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/gate"
)

// recorded are rows with every count, none, and identifiers that are ours and not.
func recorded() []Row {
	full := Row{Account: gate.AccountID(gate.FormatID(gate.AccountPrefix, [16]byte{1, 2})), Device: gate.DeviceID(gate.FormatID(gate.DevicePrefix, [16]byte{3})),
		Counts: Counts{Scopes: 1 << 63}}
	for n, v := range full.numbers() {
		*v = int64(1) << (n % 5)
	}
	full.Requests, full.Patients, full.Bytes = 1<<40, 1000, 1<<62
	second := full
	second.Device = gate.DeviceID(gate.FormatID(gate.DevicePrefix, [16]byte{4}))
	second.Counts = Counts{Requests: 1}
	return []Row{full, second, {Account: "acc_acme", Device: "dev_1"}}
}

func TestRowsComeBackAsTheyWereRecorded(t *testing.T) {
	for n := range 4 {
		rows := recorded()[:n]
		got, err := ParseRows(AppendRows(nil, rows))
		if diff := cmp.Diff(rows, got); err != nil || diff != "" {
			t.Errorf("%d rows: %v %s", n, err, diff)
		}
	}
}

// A customer with one device makes a row of some fifty bytes, or a year of hours would not fit anywhere.
func TestARowIsSmall(t *testing.T) {
	var rows []Row
	for i := range MaxRows {
		id := [16]byte{byte(i >> 8), byte(i), 7, 7, 7, 7}
		rows = append(rows, Row{Account: gate.AccountID(gate.FormatID(gate.AccountPrefix, id)), Device: gate.DeviceID(gate.FormatID(gate.DevicePrefix, id)), Counts: office(10)})
	}
	if size := len(AppendRows(nil, rows)) / MaxRows; size > 60 {
		t.Errorf("%d bytes a row", size)
	}
}

func TestRowsThatCannotBeAreRefused(t *testing.T) {
	good := AppendRows(nil, recorded())
	edited := func(edit func(rows []Row)) []byte {
		rows := recorded()
		edit(rows)
		return AppendRows(nil, rows)
	}
	many := make([]Row, MaxRows+1)
	for i := range many {
		many[i] = Row{Account: "acc_acme", Device: gate.DeviceID(fmt.Sprintf("dev_%05d", i))}
	}
	for name, row := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                         {nil, "version"},
		"another version":                 {append([]byte{9}, good[1:]...), "version"},
		"cut short":                       {good[:len(good)-1], "row 3"},
		"more than it says":               {append(slices.Clone(good), 0), "follow the last"},
		"a count of rows that is absurd":  {[]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, "claim to be"},
		"more rows than a piece has":      {AppendRows(nil, many), "claim to be 1001"},
		"a negative count":                {edited(func(rows []Row) { rows[1].Limited = -1 }), "row 2: has counts that cannot be"},
		"more failed than there were":     {edited(func(rows []Row) { rows[1].Failed = 2 }), "row 2: has counts that cannot be"},
		"a device twice":                  {edited(func(rows []Row) { rows[1].Device = rows[0].Device }), "row 2: is not in order"},
		"accounts out of order":           {edited(func(rows []Row) { rows[2].Account = "acc_" }), "row 3: is not in order"},
		"nobody's":                        {edited(func(rows []Row) { rows[2].Device = "" }), "row 3: is nobody's"},
		"a first row like the one before": {[]byte{1, 1, sameName, textName + 1, 'd', 0}, "row 1: has no identifier"},
		"counts of a later version":       {[]byte{1, 1, textName + 1, 'a', textName + 1, 'd', 0x80, 0x80, 0x80, 0x80, 1}, "not known"},
	} {
		rows, err := ParseRows(row.data)
		if !errors.Is(err, gate.Invalid) || !strings.Contains(fmt.Sprint(err), row.want) || rows != nil {
			t.Errorf("%s: %d rows, %v; want %q", name, len(rows), err, row.want)
		}
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add(AppendRows(nil, recorded()))
	f.Add([]byte{1, 1, textName + 1, 'a', textName + 1, 'd', 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := ParseRows(data)
		if err != nil {
			return
		}
		if kept, bad := tidy(rows); bad != nil || len(kept) != len(rows) {
			t.Errorf("rows were read that the detector leaves out: %v", bad)
		}
		again, err := ParseRows(AppendRows(nil, rows))
		if diff := cmp.Diff(rows, again); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}
