// Command compare measures what the gate costs: the CPU time that a server process spends on a request, with certgate and with plain
// Caddy mutual TLS, in the same binary on the same machine in turns. It prints medians and their ratio with its spread; absolute times
// move from machine to machine, ratios much less.
//
// The servers are this program started again with "serve"; the load comes from the first process, over loopback only, in a bounded
// number of requests on keep-alive HTTP/1.1 connections.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		exitOn(serve(os.Args[2]))
		return
	}
	quick := flag.Bool("quick", false, "5 pairs of 4,000 requests instead of 15 of 20,000")
	flag.Parse()
	pairs, requests := 15, 20_000
	if *quick {
		pairs, requests = 5, 4_000
	}
	exitOn(run(pairs, requests))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(pairs, requests int) (err error) {
	dir, err := os.MkdirTemp("", "certgate-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := newStage(dir)
	if err != nil {
		return err
	}
	defer s.upstream.Close()
	fmt.Printf("server CPU per request, HTTP/1.1 keep-alive over mutual TLS, %d pairs of %d requests in turns\n\n", pairs, requests)
	fmt.Printf("%-8s  %12s  %12s  %s\n", "answer", "plain Caddy", "certgate", "ratio: median (min to max)")
	for _, kind := range []string{"static", "proxied"} {
		plain, gated, err := s.pair(kind, pairs, requests)
		if err != nil {
			return err
		}
		ratios := make([]float64, len(plain))
		for i := range plain {
			ratios[i] = gated[i] / plain[i]
		}
		fmt.Printf("%-8s  %9.1f us  %9.1f us  %.3f (%.3f to %.3f)\n", kind, median(plain), median(gated), median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
