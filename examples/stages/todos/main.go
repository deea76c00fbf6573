// A stage type of one's own that owes nothing to kontinuous' code: it keeps docs/stage-contract.md by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The exit codes of the stage contract.
const (
	exitSuccess        = 0
	exitUser           = 1
	exitInput          = 2
	exitInfrastructure = 3
	exitInterrupted    = 130
)

// How long the stores may still take once we are told to stop: all must be over within 20 s.
const hurry = 5 * time.Second

func main() {
	os.Exit(run())
}

func run() int {
	input, err := readInput()
	if err != nil {
		fmt.Fprintln(os.Stderr, "todos:", err)
		return exitInfrastructure
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	log := newLog(newMask(input))
	report := newReport()
	etcd := newEtcd(input)
	ours := false
	err = keepTrying(stop, input.patience(), func() (err error) {
		ours, err = etcd.claim(input.Context.ReportKey, report)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "todos: etcd:", err)
		return exitInfrastructure
	}
	if !ours { // another pod has this attempt
		return exitSuccess
	}
	result, err := work(stop, input, log)
	outcome := outcomeOf(result, err, stop)
	if outcome.reason != "" {
		log.line(outcome.status + ": " + outcome.reason)
	}
	err = keepTrying(stop, input.patience(), func() error {
		return newBucket(input).put(input.Context.LogPrefix+"archive", log.bytes())
	})
	if err != nil {
		outcome = outcome.withoutLog(err)
	}
	report.finish(outcome, log)
	err = keepTrying(stop, input.patience(), func() error { return etcd.finish(input.Context.ReportKey, report) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "todos: etcd:", err)
		return exitInfrastructure
	}
	return outcome.exitCode
}

// keepTrying repeats a call until it is done or its time is up; when we are told to stop, that is soon.
func keepTrying(stop context.Context, patience time.Duration, call func() error) error {
	end := time.Now().Add(patience)
	for {
		err := call()
		if err == nil || errors.As(err, new(refusal)) {
			return err
		}
		if stop.Err() != nil && time.Until(end) > hurry {
			end = time.Now().Add(hurry)
		}
		if time.Now().After(end) {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// refusal is a store's answer that no second try will change.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }
