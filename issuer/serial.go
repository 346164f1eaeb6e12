package issuer

import (
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Bounds of a serial number, in octets of its DER encoding. RFC 5280 section
// 4.1.2.2 sets 20; below 8 there is no room for the 64 random bits that keep a
// forger from choosing what is signed.
const (
	minSerialOctets = 8
	maxSerialOctets = 20
)

// NewSerial draws a serial number: an octet 1 followed by 128 random bits. The
// leading octet keeps it positive and makes every serial 17 octets, 34
// hexadecimal digits, so that lists line up and nothing is lost by a tool that
// drops leading zeros.
func NewSerial(rand io.Reader) (*big.Int, error) {
	octets := make([]byte, 17)
	octets[0] = 1
	if _, err := io.ReadFull(rand, octets[1:]); err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	return new(big.Int).SetBytes(octets), nil
}

// checkSerial judges a serial that the caller brings.
func checkSerial(serial *big.Int) error {
	if serial == nil {
		return errors.New("the serial number is missing; NewSerial draws one")
	}
	if serial.Sign() <= 0 {
		return fmt.Errorf("the serial number %v is not positive", serial)
	}
	// DER adds a zero octet where the top bit is set.
	octets := serial.BitLen()/8 + 1
	if octets < minSerialOctets || octets > maxSerialOctets {
		return fmt.Errorf("the serial number has %d octets; %d to %d are allowed", octets, minSerialOctets, maxSerialOctets)
	}
	return nil
}
