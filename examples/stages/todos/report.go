package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"
)

// stageReport is what stands in etcd; what this stage has no use for is left out.
type stageReport struct {
	Status     string         `json:"status"`
	Writer     string         `json:"writer"`
	Reason     string         `json:"reason,omitempty"`
	Fault      string         `json:"fault,omitempty"`
	Result     map[string]any `json:"result,omitempty"`
	LogBytes   int            `json:"log_bytes,omitempty"`
	WorkBegan  bool           `json:"work_began,omitempty"`
	StartedAt  string         `json:"started_at,omitempty"`
	FinishedAt string         `json:"finished_at,omitempty"`
}

func newReport() *stageReport {
	unique := make([]byte, 8)
	_, _ = rand.Read(unique)
	host, _ := os.Hostname()
	return &stageReport{Status: "RUNNING", Writer: host + "-" + hex.EncodeToString(unique), StartedAt: moment()}
}

func (report *stageReport) finish(outcome outcome, log *stageLog) {
	report.Status, report.Fault, report.Result = outcome.status, outcome.fault, outcome.result
	report.Reason = log.mask.Replace(outcome.reason)
	if len(report.Reason) > 2000 {
		report.Reason = report.Reason[:2000]
	}
	report.LogBytes = len(log.bytes())
	report.FinishedAt = moment()
}

func moment() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// outcome is how a stage ended.
type outcome struct {
	status, fault, reason string
	exitCode              int
	result                map[string]any
}

// failure is an error that says whose fault it is.
type failure struct {
	fault, reason string
	exitCode      int
}

func (f failure) Error() string { return f.reason }

func outcomeOf(result map[string]any, err error, stop context.Context) outcome {
	var failed failure
	switch {
	case stop.Err() != nil:
		return outcome{status: "INTERRUPTED", reason: "the stage was told to stop", exitCode: exitInterrupted}
	case err == nil:
		return outcome{status: "SUCCESS", exitCode: exitSuccess, result: result}
	case errors.As(err, &failed):
		return outcome{status: "FAIL", fault: failed.fault, reason: failed.reason, exitCode: failed.exitCode, result: result}
	default:
		return outcome{status: "FAIL", fault: "infrastructure", reason: err.Error(), exitCode: exitInfrastructure}
	}
}

func (o outcome) withoutLog(err error) outcome {
	missing := fmt.Sprintf("the log is incomplete: %v", err)
	if o.status == "SUCCESS" {
		return outcome{
			status: "FAIL", fault: "infrastructure", exitCode: exitInfrastructure,
			reason: "the work succeeded, but " + missing,
		}
	}
	o.reason += "; " + missing
	return o
}
