// Command abuse measures how well package abuse tells abuse from ordinary traffic. It makes up customers and attacks from seeds, runs the
// detector and three simpler ones over them, and prints what each found, how late, and whom it accused wrongly.
//
//	go run ./bench/abuse                 the report, on seeds that nothing was tuned on
//	go run ./bench/abuse --json          the same as one JSON object
//	go run ./bench/abuse --seed 1..20    other seeds; 1 to 50 are those that thresholds were tuned on
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onerecord/certgate/abuse"
)

// sentence gives the seeds of the report. It was written down before the first run and never changed.
const sentence = "A wrong yes is the worst, a wrong no the second; neither is looked at before it counts."

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	seeds := flag.String("seed", "", "a seed or a range such as 1..20, instead of the seeds of the report")
	benign := flag.Int("benign", 20, "fleets without attacks, of 100 accounts and 56 scored days each")
	attacked := flag.Int("attacked", 32, "fleets with attacks")
	thresholds := flag.String("thresholds", "", "a JSON file of thresholds instead of the defaults")
	flag.BoolVar(&showAlarms, "alarms", false, "list each false finding and each attack that was found late or not on standard error")
	flag.Parse()
	set := abuse.Defaults()
	if *thresholds != "" {
		text, err := os.ReadFile(*thresholds)
		if err == nil {
			set, err = abuse.ParseThresholds(text)
		}
		if err != nil {
			fatal(err)
		}
	}
	list, err := seedList(*seeds, *benign+*attacked)
	if err != nil {
		fatal(err)
	}
	began := time.Now()
	r := evaluate(list, *benign, &set)
	r.Seconds = time.Since(began).Seconds()
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			fatal(err)
		}
		return
	}
	if err := r.print(os.Stdout); err != nil {
		fatal(err)
	}
}

// seedList are as many seeds as there are fleets: of the report, or those asked for, again and again.
func seedList(asked string, n int) ([]uint64, error) {
	list := make([]uint64, n)
	if asked == "" {
		for i := range list {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", sentence, i))
			list[i] = binary.BigEndian.Uint64(sum[:])
		}
		return list, nil
	}
	first, last, isRange := strings.Cut(asked, "..")
	from, err := strconv.ParseUint(first, 10, 64)
	to := from
	if err == nil && isRange {
		to, err = strconv.ParseUint(last, 10, 64)
	}
	if err != nil || to < from {
		return nil, fmt.Errorf("seed %q: must be a number or a range such as 1..20", asked)
	}
	for i := range list {
		list[i] = from + uint64(i)%(to-from+1) + uint64(i)/(to-from+1)<<32
	}
	return list, nil
}

// evaluate runs all fleets, the first of them without attacks, on all processors. The result does not depend on how many there are.
func evaluate(seeds []uint64, benign int, set *abuse.Thresholds) *report {
	results := make([]result, len(seeds))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				results[i] = newTrial(seeds[i], i >= benign, set).run((learnDays + scoreDays) * day)
			}
		})
	}
	for i := range seeds {
		next <- i
	}
	close(next)
	wg.Wait()
	return summarize(results, benign)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench/abuse:", err)
	os.Exit(1)
}
