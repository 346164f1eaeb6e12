package authority_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onerecord/certgate/authority"
	"github.com/onerecord/certgate/gate"
	"github.com/onerecord/certgate/usage"
)

// used is how many calls were counted, by outcome.
func (o *office) used() map[usage.Outcome]int64 {
	o.t.Helper()
	must(o.t, o.FlushUsage())
	all := map[usage.Outcome]int64{}
	must(o.t, o.Usage(&authority.UsageQuery{From: dawn.AddDate(-1, 0, 0), To: dawn.AddDate(9, 0, 0)}, func(r *authority.UsageRow) error {
		all[r.Outcome] += r.Calls
		return nil
	}))
	return all
}

func (o *office) call(r *gate.Request, end authority.Outcome) {
	o.t.Helper()
	call, err := o.config.Check(r)
	must(o.t, err)
	call.Done(end)
}

func TestEveryCallOfAKnownCallerIsCountedByWhatBecameOfIt(t *testing.T) {
	o := newOffice(t)
	c := o.customer("acme")
	r := o.request(c.got)
	o.call(r, authority.Outcome{Status: 200, In: 5, Out: 7})
	o.call(r, authority.Outcome{Status: 404})
	o.call(r, authority.Outcome{Status: 503})
	o.call(r, authority.Outcome{})
	o.call(r, authority.Outcome{Canceled: true})
	ungranted := *r
	ungranted.Path = "/other"
	o.call(&ungranted, authority.Outcome{})
	for _, stranger := range []func(*gate.Request){
		func(r *gate.Request) { r.Leaf = nil },
		func(r *gate.Request) { r.Authorization = nil },
		func(r *gate.Request) { r.Authorization = []string{"Bearer nothing"} },
	} {
		s := *r
		stranger(&s)
		o.call(&s, authority.Outcome{})
	}
	want := map[usage.Outcome]int64{usage.Succeeded: 1, usage.Rejected: 1, usage.Failed: 1, usage.Broken: 1, usage.Canceled: 1, "behavior-unknown": 1}
	if diff := cmp.Diff(want, o.used()); diff != "" {
		t.Error(diff)
	}
	billed := int64(0)
	must(t, o.Usage(&authority.UsageQuery{From: dawn, To: dawn.AddDate(0, 0, 1), Step: authority.DayStep, Outcome: usage.Succeeded}, func(r *authority.UsageRow) error {
		if r.In != 5 || r.Out != 7 || r.Cost != 1 || r.Purpose != gate.Treatment || r.Behavior != "fhir-query" || !r.Billable() {
			t.Errorf("%+v", r)
		}
		billed++
		return nil
	}))
	if billed != 1 {
		t.Errorf("%d rows", billed)
	}
}

func TestCountsAreExactHoweverManyCallAtOnce(t *testing.T) {
	o := newOffice(t)
	r := o.request(o.customer("acme").got)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for range 200 {
				own := *r
				call, err := o.config.Check(&own)
				if err != nil || !call.Allowed() {
					t.Error("refused")
					return
				}
				call.Done(authority.Outcome{Status: 200 + 300*(i%2)})
			}
			if i%4 == 0 {
				if err := o.FlushUsage(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if diff := cmp.Diff(map[usage.Outcome]int64{usage.Succeeded: 1600, usage.Failed: 1600}, o.used()); diff != "" {
		t.Error(diff)
	}
}

func TestAPreprodDeviceIsCountedButNotBilled(t *testing.T) {
	o := newOffice(t)
	_, _, token := o.preprod("acme")
	got, err := o.Redeem(token, newCSR(t))
	must(t, err)
	o.call(o.request(got), authority.Outcome{Status: 200})
	must(t, o.FlushUsage())
	rows := 0
	must(t, o.Usage(&authority.UsageQuery{From: dawn, To: dawn.AddDate(0, 0, 1)}, func(r *authority.UsageRow) error {
		rows++
		if r.Billable() || r.Outcome != usage.Succeeded {
			t.Errorf("%+v", r)
		}
		return nil
	}))
	if rows != 1 {
		t.Errorf("%d rows", rows)
	}
}

// tallyLine is what the helper says: how many calls it has begun, and how many were flushed.
type tallyLine struct{ Begun, Flushed int64 }

// callUntilKilled calls without end and says how far it is.
func callUntilKilled(t testing.TB) {
	t.Helper()
	at := newClock()
	a, err := authority.Open(authority.Options{DataDir: os.Getenv("CERTGATE_TEST_DATA"), SecretFile: os.Getenv("CERTGATE_TEST_SECRET"), Now: at.now, NoJobs: true})
	must(t, err)
	o := &office{t: t, Authority: a, clock: at}
	o.config, err = a.Start(settings(table()...))
	must(t, err)
	crt := a.Directory().Certificates("")[0]
	device, err := a.Directory().Device(string(crt.Device))
	must(t, err)
	r := o.request(&authority.Credential{Device: device, Certificate: crt, Key: os.Getenv("CERTGATE_TEST_KEY")})
	say := json.NewEncoder(os.Stdout)
	for line := (tallyLine{}); ; {
		line.Begun += 50
		must(t, say.Encode(line))
		for range 50 {
			o.call(r, authority.Outcome{Status: 200})
		}
		must(t, a.FlushUsage())
		line.Flushed = line.Begun
		must(t, say.Encode(line))
	}
}

var monthLeft = regexp.MustCompile(`"month";r=(\d+)`)

// Of each of several runs that are killed in the middle of load what was flushed counts, once; and what was used of a quota stays used.
func TestAKilledProcessLosesWhatItDidNotFlushAndCountsNothingTwice(t *testing.T) {
	p := newPlace(t)
	o := officeAt(t, p)
	c := o.customer("acme")
	const quota = 1_000_000_000
	_, err := o.Amend(o.ben, c.contract.ID, gate.Terms{Plan: gate.Limits{{Kind: gate.MonthLimit, Amount: quota}}}, "a quota")
	must(t, err)
	must(t, o.Close())
	kept, spent := int64(0), int64(0)
	for run := range 6 {
		last := killedWhileCalling(t, p, c.got.Key)
		o.reopen(p)
		now := o.used()[usage.Succeeded]
		if now < kept+last.Flushed || now > kept+last.Begun {
			t.Errorf("run %d: %d calls are counted after %d; %d were flushed and %d begun", run, now, kept, last.Flushed, last.Begun)
		}
		call, err := o.config.Check(o.request(c.got))
		must(t, err)
		left, err := strconv.ParseInt(monthLeft.FindStringSubmatch(call.LimitsLeft())[1], 10, 64)
		must(t, err)
		call.Done(authority.Outcome{Status: 200})
		used := quota - left - 1
		if used < spent+last.Flushed || used > spent+last.Begun {
			t.Errorf("run %d: %d of the quota are used after %d; %d were flushed and %d begun", run, used, spent, last.Flushed, last.Begun)
		}
		kept, spent = o.used()[usage.Succeeded], used+1
		must(t, o.Close())
	}
}

func killedWhileCalling(t *testing.T, p *place, key string) (last tallyLine) {
	t.Helper()
	cmd := helperProcess(t, p, "calls", "CERTGATE_TEST_KEY="+key)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewReader(out)
	var kill *time.Timer
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			break // killed
		}
		must(t, json.Unmarshal(text, &last))
		if kill == nil && last.Flushed > 0 {
			kill = time.AfterFunc(rand.N(100*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the helper ended by itself: %v", err)
	}
	return last
}
