package usage

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// sketch knows how many different things it was shown: exactly while they are few, and then about (HyperLogLog, Flajolet et al. 2007, with the
// estimator of Ertl, arXiv 1702.01284). It keeps hashes, or only how rare the rarest of them were. The hashes must be those of a keyed
// cryptographic function: with weak ones over identifiers that count up it is wrong by as much as 80 %. The zero value has seen nothing.
//
// It is our own, because it has to say how many new things a change stands for, must not allocate where calls are counted, and lies on disk
// for weeks.
type sketch struct {
	few  []uint64 // sorted; nil once there are registers
	many []uint8  // registers: the rank of the rarest hash of each part; nil until there are more than exact
	open float64  // of registers: the sum of 2^-register, so that open/registers is how probably something new changes one
}

const (
	exact     = 256
	precision = 12
	registers = 1 << precision
	maxRank   = 64 - precision + 1
	// SketchError is the standard error of a count above 256, as a share of it. Counts up to 256 are exact.
	SketchError = 0.0163 // 1.04 / sqrt(registers)
	// SketchBytes is the most that a sketch takes in memory.
	SketchBytes = registers + 64
)

// add shows it something. It returns for how many things that were never shown before that stands: none if it changes nothing, one while the
// sketch is exact, and more as changes become rare. Over many things this sums up to how many were new.
func (s *sketch) add(hash uint64) (fresh float64) {
	if s.many != nil {
		return s.raise(hash)
	}
	i, known := slices.BinarySearch(s.few, hash)
	if known {
		return 0
	}
	if len(s.few) < exact {
		s.few = slices.Insert(s.few, i, hash)
		return 1
	}
	s.grow()
	return max(s.raise(hash), 1)
}

// grow goes over to registers.
func (s *sketch) grow() {
	few := s.few
	s.few, s.many, s.open = nil, make([]uint8, registers), registers
	for _, hash := range few {
		s.raise(hash)
	}
}

func (s *sketch) raise(hash uint64) float64 {
	register := &s.many[hash>>(64-precision)]
	rank := uint8(bits.LeadingZeros64(hash<<precision|1<<(precision-1)) + 1) // at most maxRank
	if rank <= *register {
		return 0
	}
	fresh := registers / s.open
	s.open += math.Ldexp(1, -int(rank)) - math.Ldexp(1, -int(*register))
	*register = rank
	return fresh
}

// merge shows it all that another was shown. It may be done any number of times.
func (s *sketch) merge(o *sketch) {
	if o.many == nil {
		for _, hash := range o.few {
			s.add(hash)
		}
		return
	}
	if s.many == nil {
		s.grow()
	}
	for i, rank := range o.many {
		s.many[i] = max(s.many[i], rank)
	}
	s.measure()
}

func (s *sketch) measure() {
	s.open = 0
	for _, rank := range s.many {
		s.open += math.Ldexp(1, -int(rank))
	}
}

// count is how many different things it was shown.
func (s *sketch) count() int64 {
	if s.many == nil {
		return int64(len(s.few))
	}
	var with [maxRank + 1]float64 // how many registers have a rank
	for _, rank := range s.many {
		with[rank]++
	}
	z := registers * tau(1-with[maxRank]/registers)
	for k := maxRank - 1; k >= 1; k-- {
		z = 0.5 * (z + with[k])
	}
	z += registers * sigma(with[0]/registers)
	return int64(math.Round(registers * registers / (2 * math.Ln2 * z)))
}

// sigma and tau correct for registers that nothing was shown to, and for those at the end of their range.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for before := -1.0; z != before; {
		x *= x
		before = z
		z += x * y
		y += y
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for before := -1.0; z != before; {
		x = math.Sqrt(x)
		before = z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}

// bytes is what it takes in memory.
func (s *sketch) bytes() int64 { return int64(8*cap(s.few) + len(s.many)) }

// append writes it: a number of hashes and those, or one more than can be and the registers.
func (s *sketch) append(out []byte) []byte {
	if s.many != nil {
		return append(binary.AppendUvarint(out, exact+1), s.many...)
	}
	out = binary.AppendUvarint(out, uint64(len(s.few)))
	for _, hash := range s.few {
		out = binary.BigEndian.AppendUint64(out, hash)
	}
	return out
}

// sketch reads one.
func (d *decoder) sketch() (s sketch) {
	n, size := binary.Uvarint(d.rest)
	if !d.took(size) || n == 0 {
		return s
	}
	if n > exact {
		if many := d.bytes(registers); n == exact+1 && many != nil && slices.Max(many) <= maxRank {
			s.many = slices.Clone(many)
			s.measure()
			return s
		}
		d.err = errBucket
		return sketch{}
	}
	few := d.bytes(8 * int(n)) // bounded above
	for ; len(few) > 0; few = few[8:] {
		s.few = append(s.few, binary.BigEndian.Uint64(few))
	}
	if !slices.IsSorted(s.few) {
		d.err = errBucket
	}
	return s
}

// bytes are the next n.
func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.err, d.rest = errBucket, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}
