package api

import (
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestASourceIsAnsweredSoOftenAMinute(t *testing.T) {
	var s sources
	now := time.Date(2027, 3, 1, 15, 0, 0, 0, time.UTC)
	a, b := sourceOf(&http.Request{RemoteAddr: "203.0.113.7:999"}), sourceOf(&http.Request{RemoteAddr: "[2001:db8::1]:999"})
	for range questionsPerMinute {
		if !s.admit(a, now) {
			t.Fatal("refused too early")
		}
	}
	if s.admit(a, now) || !s.admit(b, now) || !s.admit(a, now.Add(time.Minute)) {
		t.Error("a source over its allowance is refused, others are not, and not a minute later")
	}
	if sourceOf(&http.Request{RemoteAddr: "[2001:db8::2]:1"}) != b || sourceOf(&http.Request{RemoteAddr: "[2001:db8:0:1::2]:1"}) == b {
		t.Error("a /64 is one source, and its neighbor another")
	}
}

func TestSourcesAreBounded(t *testing.T) {
	var s sources
	now := time.Date(2027, 3, 1, 15, 0, 0, 0, time.UTC)
	refused := 0
	for i := range maxSources + 2*questionsPerMinute {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if !s.admit(netip.PrefixFrom(address, 32), now) {
			refused++
		}
	}
	if len(s.asked) > maxSources+1 || refused == 0 {
		t.Errorf("%d sources are held, %d questions refused", len(s.asked), refused)
	}
}
