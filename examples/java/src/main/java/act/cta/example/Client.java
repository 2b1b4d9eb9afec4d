package act.cta.example;

import act.cta.v1.Adapter;
import act.cta.v1.AdapterServiceGrpc;
import act.cta.v1.ApproveFixRequest;
import act.cta.v1.EventServiceGrpc;
import act.cta.v1.GetIncidentRequest;
import act.cta.v1.Incident;
import act.cta.v1.IncidentServiceGrpc;
import act.cta.v1.PackedOutcomes;
import act.cta.v1.ProcessEventsRequest;
import act.cta.v1.WatchAdaptersRequest;
import act.cta.v1.WatchAdaptersResponse;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A client of CTA-ACT in Java: process a batch, watch adapters with resume, approve an incident.
 *
 * <pre>
 * mvn -q package
 * java -cp 'target/classes:target/lib/*' act.cta.example.Client 127.0.0.1:50510 process payments events.jsonl
 * java -cp 'target/classes:target/lib/*' act.cta.example.Client 127.0.0.1:50510 watch payments
 * java -cp 'target/classes:target/lib/*' act.cta.example.Client 127.0.0.1:50510 approve inc_...
 * </pre>
 */
public final class Client {
  private static final Set<Status.Code> PASSING = Set.of(Status.Code.UNAVAILABLE, Status.Code.CANCELLED);
  private final String address;

  private Client(String address) {
    this.address = address;
  }

  public static void main(String[] args) throws Exception {
    if (args.length < 3) {
      fail("usage: Client ADDRESS process STREAM FILE | watch STREAM | approve INCIDENT");
    }
    Client client = new Client(args[0]);
    try {
      switch (args[1]) {
        case "process" -> client.process(args[2], Path.of(args[3]));
        case "watch" -> client.watch(args[2]);
        case "approve" -> client.approve(args[2]);
        default -> fail("no such verb: " + args[1]);
      }
    } catch (StatusRuntimeException error) {
      fail(told(error));
    }
  }

  /** Sends a file of JSON Lines through the gate and prints what became of each event. */
  private void process(String stream, Path file) throws Exception {
    ProcessEventsRequest.Builder request =
        ProcessEventsRequest.newBuilder().setStreamId(stream).setRequestId(UUID.randomUUID().toString());
    for (String line : Files.readAllLines(file)) {
      request.addBodies(ByteString.copyFromUtf8(line));
    }
    ManagedChannel channel = dial();
    try {
      PackedOutcomes packed =
          EventServiceGrpc.newBlockingStub(channel)
              .withDeadlineAfter(60, TimeUnit.SECONDS)
              .processEvents(request.build())
              .getPacked();
      for (int index = 0; index < packed.getKindsCount(); index++) {
        // A quarantined event is safe in the server and comes back through WatchEvents once it is healed.
        System.out.println(packed.getKinds(index) + " " + packed.getBodies(index).toStringUtf8());
      }
    } finally {
      channel.shutdownNow();
    }
  }

  /** Prints every change of the adapters in force, over as many connections as it takes. */
  private void watch(String stream) throws InterruptedException {
    Watching watching = new Watching(stream);
    while (true) {
      ManagedChannel channel = dial(); // a new channel is back sooner than the old one's own back-off
      try {
        watching.follow(channel);
      } catch (StatusRuntimeException error) {
        if (!PASSING.contains(error.getStatus().getCode())) {
          throw error;
        }
        System.out.println("STALE " + error.getStatus());
      } finally {
        channel.shutdownNow();
      }
      Thread.sleep(300);
    }
  }

  /** Says yes to the proposed fix of an incident, for the revision that was looked at. */
  private void approve(String incidentId) {
    ManagedChannel channel = dial();
    try {
      IncidentServiceGrpc.IncidentServiceBlockingStub incidents =
          IncidentServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
      Incident seen =
          incidents.getIncident(GetIncidentRequest.newBuilder().setIncidentId(incidentId).build()).getIncident();
      ApproveFixRequest request =
          ApproveFixRequest.newBuilder()
              .setIncidentId(incidentId)
              .setExpectedRevision(seen.getRevision())
              .setRequestId("approve-" + incidentId)
              .setActor("java-example")
              .setComment("looked at the diff")
              .build();
      System.out.println(incidents.approveFix(request).getIncident().getState());
    } finally {
      channel.shutdownNow();
    }
  }

  private ManagedChannel dial() {
    return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
        .maxInboundMessageSize(16 * 1024 * 1024)
        .build();
  }

  /** The reason that the server gives with every error, and its text. */
  private static String told(StatusRuntimeException error) {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    try {
      for (Any detail : status == null ? List.<Any>of() : status.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          return detail.unpack(ErrorInfo.class).getReason() + ": " + status.getMessage();
        }
      }
    } catch (com.google.protobuf.InvalidProtocolBufferException broken) {
      return error.getMessage();
    }
    return error.getMessage();
  }

  private static void fail(String why) {
    System.err.println(why);
    System.exit(1);
  }

  /** What is known of a stream's adapters, from connection to connection. */
  private static final class Watching {
    private final ScheduledExecutorService clock =
        Executors.newSingleThreadScheduledExecutor(
            work -> {
              Thread thread = new Thread(work);
              thread.setDaemon(true);
              return thread;
            });
    private final Map<String, Long> known = new HashMap<>();
    private final String stream;
    private String token = "";
    private Set<String> listed;

    Watching(String stream) {
      this.stream = stream;
    }

    void follow(ManagedChannel channel) {
      Context.CancellableContext call = Context.current().withCancellation();
      listed = null;
      try {
        call.run(
            () -> {
              WatchAdaptersRequest request =
                  WatchAdaptersRequest.newBuilder().addStreamIds(stream).setResumeToken(token).build();
              Iterator<WatchAdaptersResponse> answers =
                  AdapterServiceGrpc.newBlockingStub(channel).watchAdapters(request);
              // The server speaks at least every second: silence means that it hangs.
              Future<?> silence = silence(call);
              while (answers.hasNext()) {
                silence.cancel(false);
                take(answers.next());
                silence = silence(call);
              }
            });
      } finally {
        call.cancel(null);
      }
    }

    private Future<?> silence(Context.CancellableContext call) {
      return clock.schedule(() -> call.cancel(null), 5, TimeUnit.SECONDS);
    }

    private void take(WatchAdaptersResponse message) {
      if (message.hasSnapshotStart()) {
        listed = new HashSet<>();
      }
      for (Adapter adapter : message.getChanges().getAdaptersList()) {
        if (listed != null) {
          listed.add(adapter.getAdapterId());
        }
        // At least once: what is known already is dropped.
        if (adapter.getRevision() > known.getOrDefault(adapter.getAdapterId(), 0L)) {
          known.put(adapter.getAdapterId(), adapter.getRevision());
          System.out.println(
              "IN FORCE " + adapter.getAdapterId() + " " + adapter.getRevision() + " " + adapter.getProgramJson());
        }
      }
      List<String> gone = new ArrayList<>(message.getChanges().getRemovedAdapterIdsList());
      if (message.hasSnapshotEnd()) {
        known.keySet().stream().filter(id -> !listed.contains(id)).forEach(gone::add);
        listed = null;
        System.out.println("CURRENT " + message.getRevision());
      }
      for (String id : gone) {
        if (known.remove(id) != null) {
          System.out.println("GONE " + id);
        }
      }
      token = message.getResumeToken();
    }
  }
}
