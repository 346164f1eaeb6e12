package abuse

import (
	"encoding/binary"

	"github.com/onerecord/certgate/gate"
)

const (
	// MaxRows is the most rows that one recorded piece of a window holds.
	MaxRows = 1000
	// rowsVersion is the first byte of recorded rows.
	rowsVersion = 1
	// maxRowName is the longest identifier in a row; ours have 30 characters.
	maxRowName = 64
)

// numbers are the counts of a row in the order in which they are recorded, but for Scopes. A new one is added at the end: what was recorded
// before has none of it.
func (c *Counts) numbers() [19]*int64 {
	return [...]*int64{
		&c.Requests, &c.Failed, &c.Forbidden, &c.NotFound, &c.Limited, &c.Cost, &c.Bytes, &c.Targets, &c.Patients, &c.Newcomers, &c.Numbers, &c.Near,
		&c.Run, &c.Distinct, &c.Networks, &c.Together, &c.Prints, &c.Exports, &c.Restarts,
	}
}

// AppendRows appends rows as they are recorded: at most [MaxRows], in order of account and device. Each takes some fifty bytes: its identifiers
// as the 16 bytes that they stand for, which of its counts are not 0, and those.
func AppendRows(out []byte, rows []Row) []byte {
	out = binary.AppendUvarint(append(out, rowsVersion), uint64(len(rows)))
	var before gate.AccountID
	for i := range rows {
		r := &rows[i]
		if i > 0 && r.Account == before {
			out = append(out, sameName)
		} else {
			out = appendName(out, gate.AccountPrefix, string(r.Account))
		}
		before = r.Account
		out = appendName(out, gate.DevicePrefix, string(r.Device))
		numbers, which := r.numbers(), uint64(0)
		for n, v := range numbers {
			if *v != 0 {
				which |= 1 << (n + 1)
			}
		}
		if r.Scopes != 0 {
			which |= 1
		}
		out = binary.AppendUvarint(out, which)
		if r.Scopes != 0 {
			out = binary.AppendUvarint(out, r.Scopes)
		}
		for _, v := range numbers {
			if *v != 0 {
				out = binary.AppendUvarint(out, uint64(*v))
			}
		}
	}
	return out
}

// How an identifier is recorded: as that of the row before, as the 16 bytes that it stands for, or as a text of so many bytes less textName.
const (
	sameName = iota
	rawName
	textName
)

func appendName(out []byte, prefix, id string) []byte {
	if raw, err := gate.ParseID(prefix, id); err == nil {
		return append(append(out, rawName), raw[:]...)
	}
	return append(binary.AppendUvarint(out, uint64(len(id))+textName), id...)
}

// ParseRows reads what AppendRows has written. What is damaged, of another version, not in order, or holds counts that cannot be is an error, and
// nothing is returned.
func ParseRows(data []byte) ([]Row, error) {
	if len(data) == 0 || data[0] != rowsVersion {
		return nil, gate.Errorf(gate.Invalid, "recorded rows: are not of version %d", rowsVersion)
	}
	p := rowParser{rest: data[1:]}
	const least = 4 // bytes of a row
	n := p.number()
	if n > MaxRows || n > uint64(len(p.rest))/least {
		return nil, gate.Errorf(gate.Invalid, "recorded rows: claim to be %d, in %d bytes; there are at most %d", n, len(data), MaxRows)
	}
	rows := make([]Row, n)
	for i := range rows {
		before := &Row{}
		if i > 0 {
			before = &rows[i-1]
		}
		if p.row(&rows[i], before); p.bad != "" {
			return nil, gate.Errorf(gate.Invalid, "recorded rows: row %d: %s", i+1, p.bad)
		}
	}
	if len(p.rest) > 0 {
		return nil, gate.Errorf(gate.Invalid, "recorded rows: %d bytes follow the last", len(p.rest))
	}
	return rows, nil
}

// rowParser reads until something is wrong.
type rowParser struct {
	rest []byte
	bad  string
}

func (p *rowParser) row(r, before *Row) {
	r.Account = gate.AccountID(p.name(gate.AccountPrefix, string(before.Account)))
	r.Device = gate.DeviceID(p.name(gate.DevicePrefix, ""))
	which := p.number()
	if which&1 != 0 {
		r.Scopes = p.number()
	}
	numbers := r.numbers()
	for n, v := range numbers {
		if which&(1<<(n+1)) != 0 {
			*v = int64(p.number()) // what is too large is negative now, and cannot be
		}
	}
	switch {
	case p.bad != "":
	case which>>(len(numbers)+1) != 0:
		p.bad = "has counts that are not known"
	case r.Account == "" || r.Device == "":
		p.bad = "is nobody's"
	case !r.possible():
		p.bad = "has counts that cannot be"
	case r.Account < before.Account || r.Account == before.Account && r.Device <= before.Device:
		p.bad = "is not in order of account and device"
	}
}

func (p *rowParser) number() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.fail("is cut short")
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *rowParser) name(prefix, before string) string {
	n := p.number()
	switch {
	case n == sameName && before != "":
		return before
	case n == rawName && len(p.rest) >= 16:
		raw := [16]byte(p.rest)
		p.rest = p.rest[16:]
		return gate.FormatID(prefix, raw)
	case n >= textName && n <= textName+maxRowName && uint64(len(p.rest)) >= n-textName:
		text := string(p.rest[:n-textName])
		p.rest = p.rest[n-textName:]
		return text
	}
	p.fail("has no identifier where there should be one")
	return ""
}

func (p *rowParser) fail(why string) {
	if p.bad == "" {
		p.bad = why
	}
	p.rest = nil
}
