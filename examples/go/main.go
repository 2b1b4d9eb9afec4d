// A client of CTA-ACT in Go: process a batch, watch adapters with resume, approve an incident.
//
//	buf generate ../../proto && go build -o client .
//	./client 127.0.0.1:50510 process payments events.jsonl
//	./client 127.0.0.1:50510 watch payments
//	./client 127.0.0.1:50510 approve inc_...
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	ctav1 "cta-act.example/client/gen/cta/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

func main() {
	if len(os.Args) < 4 {
		fail(fmt.Errorf("usage: client ADDRESS process STREAM FILE | watch STREAM | approve INCIDENT"))
	}
	address, verb, name := os.Args[1], os.Args[2], os.Args[3]
	ctx := context.Background()
	if verb == "watch" {
		fail(watch(ctx, address, name))
		return
	}
	connection, err := dial(address)
	fail(err)
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	switch {
	case verb == "process" && len(os.Args) == 5:
		fail(process(ctx, connection, name, os.Args[4]))
	case verb == "approve":
		fail(approve(ctx, connection, name))
	default:
		fail(fmt.Errorf("no such verb: %s", verb))
	}
}

// process sends a file of JSON Lines through the gate and prints what became of each event.
func process(ctx context.Context, connection *grpc.ClientConn, stream, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	request := &ctav1.ProcessEventsRequest{StreamId: stream, RequestId: fmt.Sprintf("go-%d", time.Now().UnixNano())}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		// The scanner reuses its buffer, so a copy goes into the request.
		request.Bodies = append(request.Bodies, []byte(lines.Text()))
	}
	answer, err := ctav1.NewEventServiceClient(connection).ProcessEvents(ctx, request)
	if err != nil {
		return err
	}
	for index, kind := range answer.Packed.Kinds {
		// A quarantined event is safe in the server and comes back through WatchEvents once it is healed.
		fmt.Println(kind, string(answer.Packed.Bodies[index]))
	}
	return nil
}

// watch prints every change of the adapters in force, over as many connections as it takes.
func watch(ctx context.Context, address, stream string) error {
	token, known := "", map[string]int64{}
	for {
		err := watchOnce(ctx, address, stream, &token, known)
		if code := status.Code(err); code != codes.Unavailable && code != codes.Canceled && code != codes.OK {
			return err
		}
		fmt.Println("STALE", err)
		time.Sleep(300 * time.Millisecond)
	}
}

func watchOnce(ctx context.Context, address, stream string, token *string, known map[string]int64) error {
	connection, err := dial(address) // a new channel is back sooner than the old one's own back-off
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &ctav1.WatchAdaptersRequest{StreamIds: []string{stream}, ResumeToken: *token}
	answers, err := ctav1.NewAdapterServiceClient(connection).WatchAdapters(ctx, request)
	if err != nil {
		return err
	}
	var listed map[string]bool
	for {
		// The server speaks at least every second: silence means that it hangs.
		silence := time.AfterFunc(5*time.Second, cancel)
		message, err := answers.Recv()
		silence.Stop()
		if err != nil {
			return err
		}
		if message.GetSnapshotStart() != nil {
			listed = map[string]bool{}
		}
		for _, adapter := range message.GetChanges().GetAdapters() {
			if listed != nil {
				listed[adapter.AdapterId] = true
			}
			// At least once: what is known already is dropped.
			if adapter.Revision > known[adapter.AdapterId] {
				known[adapter.AdapterId] = adapter.Revision
				fmt.Println("IN FORCE", adapter.AdapterId, adapter.Revision, adapter.ProgramJson)
			}
		}
		gone := message.GetChanges().GetRemovedAdapterIds()
		if message.GetSnapshotEnd() != nil {
			for id := range known {
				if !listed[id] {
					gone = append(gone, id)
				}
			}
			listed = nil
			fmt.Println("CURRENT", message.Revision)
		}
		for _, id := range gone {
			if _, ours := known[id]; ours {
				delete(known, id)
				fmt.Println("GONE", id)
			}
		}
		*token = message.ResumeToken
	}
}

// approve says yes to the proposed fix of an incident, for the revision that was looked at.
func approve(ctx context.Context, connection *grpc.ClientConn, incident string) error {
	incidents := ctav1.NewIncidentServiceClient(connection)
	seen, err := incidents.GetIncident(ctx, &ctav1.GetIncidentRequest{IncidentId: incident})
	if err != nil {
		return err
	}
	answer, err := incidents.ApproveFix(ctx, &ctav1.ApproveFixRequest{
		IncidentId:       incident,
		ExpectedRevision: seen.Incident.Revision,
		RequestId:        "approve-" + incident,
		Actor:            "go-example",
		Comment:          "looked at the diff",
	})
	if err != nil {
		return err
	}
	fmt.Println(answer.Incident.State)
	return nil
}

func dial(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// fail ends the program with what went wrong; the reason is for programs, the message for people.
func fail(err error) {
	if err == nil {
		return
	}
	reason := status.Code(err).String()
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			reason = info.Reason
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", reason, err)
	os.Exit(1)
}
