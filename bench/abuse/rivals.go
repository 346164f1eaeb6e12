package main

import (
	"math"
	"slices"

	"github.com/onerecord/certgate/abuse"
)

// The simpler detectors that have to be beaten. Each gives a score for each hour, so that it can be read at its textbook threshold and also at
// the one that gives it as few false alarms as ours.
const (
	static  = iota // one limit for each plan: calls, patients and refusals an hour
	rawZ           // (x - median) / (1.4826 MAD) of the same hour of the week
	buckets        // leaky buckets of calls, distinct patients and distinct refused targets
	rivals
)

var rivalNames = [rivals]string{"static threshold", "raw z", "leaky buckets"}

// textbook are the thresholds as they are usually given.
var textbook = [rivals]float32{static: 1, rawZ: 3.5, buckets: 1}

// contest runs them over one fleet.
type contest struct {
	plan    []float64        // calls an hour that the plan allows
	history [][][168][]int32 // by account and feature: the values of each hour of the week
	fill    [][3]float64
	worst   []float64
	scores  [rivals][]float32
}

const rivalWeeks = 6

func newContest(n int) *contest {
	c := &contest{
		plan: make([]float64, n), history: make([][][168][]int32, n), fill: make([][3]float64, n), worst: make([]float64, n),
	}
	for i := range c.history {
		c.history[i] = make([][168][]int32, 3)
	}
	for r := range c.scores {
		c.scores[r] = make([]float32, n)
	}
	return c
}

// declare puts an account on the smallest plan that has room for what it declared.
func (c *contest) declare(i int, daily float64) {
	for _, plan := range []float64{1_000, 10_000, 100_000, 1_000_000} {
		c.plan[i] = plan / 4
		if daily <= plan {
			break
		}
	}
}

func (c *contest) quarter(i int, n *abuse.Counts) {
	pour := func(k int, x, capacity, leakPerHour float64) {
		c.fill[i][k] = max(0, c.fill[i][k]+x-leakPerHour/4)
		c.worst[i] = max(c.worst[i], c.fill[i][k]/capacity)
	}
	pour(0, float64(n.Requests), c.plan[i]/2, c.plan[i]/2)
	pour(1, float64(n.Patients), 100, 100)
	pour(2, float64(n.Targets), 10, 0.1*3600)
}

// hour scores an hour of all accounts, and then learns it.
func (c *contest) hour(h int64, hours []abuse.Counts) *[rivals][]float32 {
	slot := h % 168
	for i := range hours {
		n := &hours[i]
		values := [3]int32{int32(n.Requests), int32(n.Patients), int32(n.Newcomers)}
		z := 0.0
		for f, x := range values {
			past := &c.history[i][f][slot]
			if len(*past) >= 4 {
				z = max(z, plainZ(*past, x))
			}
			*past = append(*past, x)
			if len(*past) > rivalWeeks {
				*past = (*past)[1:]
			}
		}
		c.scores[rawZ][i] = float32(z)
		plan := c.plan[i]
		c.scores[static][i] = float32(max(float64(n.Requests)/plan, 5*float64(n.Patients)/plan, 20*float64(n.Denied())/plan))
		c.scores[buckets][i] = float32(c.worst[i])
		c.worst[i] = 0
	}
	return &c.scores
}

func plainZ(past []int32, x int32) float64 {
	var buf [rivalWeeks]int32
	v := append(buf[:0], past...)
	slices.Sort(v)
	med := float64(v[(len(v)-1)/2]+v[len(v)/2]) / 2
	var devs [rivalWeeks]float64
	for i := range v {
		devs[i] = math.Abs(float64(v[i]) - med)
	}
	d := devs[:len(v)]
	slices.Sort(d)
	mad := (d[(len(d)-1)/2] + d[len(d)/2]) / 2
	return (float64(x) - med) / max(1.4826*mad, 1)
}
