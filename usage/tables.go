package usage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
)

// checkTables looks at the ends of Badger's table files before it opens them: of one that was cut off or changed there it panics in a goroutine
// of its own, and the process ends. What is wrong elsewhere in a file it finds by checksum when it reads it, and says so.
func checkTables(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return fmt.Errorf("list the tables of usage: %w", err)
	}
	for _, name := range names {
		if err := checkTable(name); err != nil {
			return fmt.Errorf("table %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

// checkTable checks the end of a table: an index, its checksum and the length of each, written after what it is of. The checksum is of what lies on
// disk, encrypted or not.
func checkTable(name string) error {
	data, err := os.ReadFile(name) // a few megabytes
	if err != nil {
		return err
	}
	rest, value, err := cutSized(data)
	if err != nil {
		return err
	}
	sum, err := parseChecksum(value)
	if err != nil {
		return err
	}
	_, index, err := cutSized(rest)
	if err != nil {
		return err
	}
	if err := y.VerifyChecksum(index, sum); err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	return nil
}

var errCut = errors.New("its end was cut off or changed")

// cutSized takes a value off the end of b that is followed by its length.
func cutSized(b []byte) (rest, value []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errCut
	}
	b, tail := b[:len(b)-4], b[len(b)-4:]
	n := uint64(binary.BigEndian.Uint32(tail))
	if n == 0 || n > uint64(len(b)) {
		return nil, nil, errCut
	}
	cut := len(b) - int(n)
	return b[:cut], b[cut:], nil
}

// parseChecksum reads the protocol buffer of a checksum: field 1 names the algorithm, field 2 is the sum, both numbers.
func parseChecksum(b []byte) (*pb.Checksum, error) {
	var sum pb.Checksum
	for len(b) > 0 {
		tag := b[0]
		v, n := binary.Uvarint(b[1:])
		if n <= 0 {
			return nil, errCut
		}
		switch b = b[1+n:]; tag {
		case 1 << 3:
			sum.Algo = pb.Checksum_Algorithm(v)
		case 2 << 3:
			sum.Sum = v
		default:
			return nil, errCut
		}
	}
	if _, known := pb.Checksum_Algorithm_name[int32(sum.Algo)]; !known {
		return nil, errCut // Badger would panic
	}
	return &sum, nil
}
