package certstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
)

// A table file of Badger is a row of blocks, then an index that says where they are, then from the end: the length of the index'
// checksum, the checksum, the length of the index. Each block ends in the same way. With encryption, the index and each block are followed
// by an initialization vector of 16 bytes; the index' checksum covers what lies on disk, a block's what it holds.

const ivSize = 16 // AES block, whatever the key's length

// checkTable reads every block of a table and compares it with its checksum.
func checkTable(name string, key []byte) (err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its index cannot be read: %v", r) // the reader of the index' format panics
		}
	}()
	rest, sum, err := cutChecksum(data)
	if err != nil {
		return fmt.Errorf("its end was cut off or changed: %w", err)
	}
	rest, stored, err := cutSized(rest)
	if err != nil {
		return fmt.Errorf("its end was cut off or changed: %w", err)
	}
	if err := y.VerifyChecksum(stored, sum); err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	plain, err := decrypt(stored, key)
	if err != nil {
		return err
	}
	index := fb.GetRootAsTableIndex(plain, 0)
	for i := range index.OffsetsLength() {
		var at fb.BlockOffset
		if !index.Offsets(&at, i) || uint64(at.Offset())+uint64(at.Len()) > uint64(len(rest)) {
			return fmt.Errorf("block %d lies outside the file", i)
		}
		if err := checkBlock(rest[at.Offset():at.Offset()+at.Len()], key); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
	}
	return nil
}

func checkBlock(stored, key []byte) error {
	plain, err := decrypt(stored, key)
	if err != nil {
		return err
	}
	content, sum, err := cutChecksum(plain)
	if err != nil {
		return err
	}
	return y.VerifyChecksum(content, sum)
}

// cutSized takes a value off the end of b that is followed by its length.
func cutSized(b []byte) (rest, value []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errors.New("it is too short")
	}
	b, tail := b[:len(b)-4], b[len(b)-4:]
	n := uint64(binary.BigEndian.Uint32(tail))
	if n > uint64(len(b)) {
		return nil, nil, fmt.Errorf("a part of %d bytes in %d", n, len(b))
	}
	cut := len(b) - int(n)
	return b[:cut], b[cut:], nil
}

// cutChecksum takes a checksum off the end of b.
func cutChecksum(b []byte) (rest []byte, sum *pb.Checksum, err error) {
	rest, value, err := cutSized(b)
	if err != nil {
		return nil, nil, err
	}
	sum, err = parseChecksum(value)
	return rest, sum, err
}

// parseChecksum reads the protocol buffer of a checksum: field 1 names the algorithm, field 2 is the sum, both numbers.
func parseChecksum(b []byte) (*pb.Checksum, error) {
	var sum pb.Checksum
	for len(b) > 0 {
		tag := b[0]
		v, n := binary.Uvarint(b[1:])
		if n <= 0 {
			return nil, errors.New("a checksum that cannot be read")
		}
		switch b = b[1+n:]; tag {
		case 1 << 3:
			sum.Algo = pb.Checksum_Algorithm(v)
		case 2 << 3:
			sum.Sum = v
		default:
			return nil, errors.New("a checksum that cannot be read")
		}
	}
	if _, known := pb.Checksum_Algorithm_name[int32(sum.Algo)]; !known {
		return nil, errors.New("a checksum of an unknown sort") // Badger would panic
	}
	return &sum, nil
}

// decrypt undoes Badger's encryption of an index or block; without a key there is none.
func decrypt(b, key []byte) ([]byte, error) {
	if len(key) == 0 {
		return b, nil
	}
	if len(b) < ivSize {
		return nil, errors.New("it is too short")
	}
	cut := len(b) - ivSize
	plain, err := y.XORBlockAllocate(b[:cut], key, b[cut:])
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return plain, nil
}
