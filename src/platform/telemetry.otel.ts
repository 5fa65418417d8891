import {
  type Attributes,
  context,
  type Context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind as OtelKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Source } from './env.variable.js';
import type { Metrics } from './metrics.js';
import { RegistryProducer } from './telemetry.metrics.js';
import type { Facts, SpanKind, SpanSubject, Tracing } from './telemetry.tracing.js';
import { VERSION } from './version.js';

/** Ids that a span names at most: a batch may have hundreds. */
const MOST_IDS = 128;
const INTERVAL_MS = 60_000;
const LAST_WORDS_MS = 3_000;
const KINDS: Readonly<Record<SpanKind, OtelKind>> = {
  server: OtelKind.SERVER,
  consumer: OtelKind.CONSUMER,
  client: OtelKind.CLIENT,
};

/** Loaded only when a receiver is named; everything about it comes from the variables of OpenTelemetry. */
export function startTracing({ registry }: Metrics, role: string, source: Source): Tracing {
  const ids = new TraceIds();
  const sdk = new NodeSDK({
    // What the environment says about the service wins.
    resource: resourceFromAttributes({ 'service.name': 'bellhop', 'service.version': VERSION, 'bellhop.role': role }),
    idGenerator: ids,
    metricReaders: exportsMetrics(source) ? [metricReader(registry, source)] : [],
    // What a library would tell of a request by itself are addresses and statements.
    instrumentations: [],
  });
  sdk.start();
  return new OtelTracing(trace.getTracer('bellhop', VERSION), ids, sdk);
}

const exportsMetrics = (source: Source): boolean => (source['OTEL_METRICS_EXPORTER']?.trim() || 'otlp') === 'otlp';

function metricReader(registry: Metrics['registry'], source: Source): PeriodicExportingMetricReader {
  const protocol = source['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] ?? source['OTEL_EXPORTER_OTLP_PROTOCOL'];
  return new PeriodicExportingMetricReader({
    exporter: protocol?.trim() === 'http/json' ? new JsonExporter() : new ProtobufExporter(),
    exportIntervalMillis: Number(source['OTEL_METRIC_EXPORT_INTERVAL']) || INTERVAL_MS,
    metricProducers: [new RegistryProducer(registry)],
  });
}

/** Makes the id of a trace out of one of ours, for the next span that begins a trace; all others are random. */
class TraceIds {
  private next: string | undefined;

  startWith<T>(traceId: string | undefined, start: () => T): T {
    this.next = traceId;
    try {
      return start();
    } finally {
      this.next = undefined;
    }
  }

  generateTraceId(): string {
    return this.next ?? randomBytes(16).toString('hex');
  }

  generateSpanId(): string {
    return randomBytes(8).toString('hex');
  }
}

/** What was noted about a call that is being received, whose span is made at its end. */
interface Notes {
  traceOf?: string | undefined;
  readonly links: string[];
  readonly facts: Record<string, Facts[string]>;
}

class OtelTracing implements Tracing {
  private readonly notes = new AsyncLocalStorage<Notes | undefined>();

  constructor(
    private readonly tracer: Tracer,
    private readonly ids: TraceIds,
    private readonly sdk: NodeSDK,
  ) {}

  async during<T>(name: string, kind: SpanKind, subject: SpanSubject, work: () => Promise<T>): Promise<T> {
    // A nudge is nobody's call: it begins a trace, and what it does belongs to it.
    const parent = kind === 'consumer' ? ROOT_CONTEXT : context.active();
    const span = this.start(name, kind, subject, parent);
    try {
      // What a callback has set going goes on in its asynchronous context, and is no part of it.
      return await this.notes.run(undefined, () => context.with(trace.setSpan(parent, span), work));
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  /** Which event it becomes is known at the end, and with it the trace. */
  async receive(name: string, request: IncomingMessage, work: () => Promise<Facts>): Promise<void> {
    const startTime = Date.now();
    const notes: Notes = { links: [], facts: {} };
    let failure: unknown;
    try {
      Object.assign(notes.facts, await this.notes.run(notes, work));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      const caller = trace.getSpanContext(callerOf(request));
      const span = this.start(name, 'server', notes, ROOT_CONTEXT, startTime, caller ? [{ context: caller }] : []);
      if (failure) fail(span, failure);
      span.end();
    }
  }

  serve(request: IncomingMessage, next: () => void): (name: string, facts: Facts) => void {
    const parent = callerOf(request);
    const span = this.start('http', 'server', {}, parent);
    context.with(trace.setSpan(parent, span), next);
    return (name, facts) => {
      span.updateName(name);
      span.setAttributes(attributesOf(facts));
      if (Number(facts['http.response.status_code']) >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
  }

  note({ traceOf, links = [], facts = {} }: SpanSubject): void {
    const notes = this.notes.getStore();
    if (!notes) return void trace.getActiveSpan()?.setAttributes(attributesOf(facts));
    notes.traceOf ??= traceOf;
    notes.links.push(...links);
    Object.assign(notes.facts, facts);
  }

  inject(headers: Readonly<Record<string, string>>): Record<string, string> {
    const carrier = { ...headers };
    propagation.inject(context.active(), carrier);
    return carrier;
  }

  async stop(): Promise<void> {
    // What is left is told once more; a receiver that is away must not keep the process from ending.
    const told = this.sdk.shutdown().catch(() => undefined);
    await Promise.race([told, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
  }

  private start(
    name: string,
    kind: SpanKind,
    { traceOf, links = [], facts = {} }: SpanSubject,
    parent: Context,
    startTime = Date.now(),
    more: readonly Link[] = [],
  ): Span {
    const others = links.filter((id) => id !== traceOf).slice(0, MOST_IDS);
    return this.ids.startWith(traceOf && digitsOf(traceOf), () =>
      this.tracer.startSpan(
        name,
        { kind: KINDS[kind], startTime, attributes: attributesOf(facts), links: [...more, ...others.map(linkTo)] },
        parent,
      ),
    );
  }
}

/** The trace that a caller names in `traceparent`, as the propagators of the environment read it. */
const callerOf = ({ headers }: IncomingMessage): Context => propagation.extract(ROOT_CONTEXT, headers);

const digitsOf = (id: string): string => id.replaceAll('-', '').toLowerCase();

/** To the trace of something of ours; which span of it does not matter. */
function linkTo(id: string): Link {
  const traceId = digitsOf(id);
  return { context: { traceId, spanId: traceId.slice(16), traceFlags: TraceFlags.SAMPLED, isRemote: true } };
}

function attributesOf(facts: Facts): Attributes {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => {
      if (value === undefined) return [];
      return [[name, Array.isArray(value) ? value.slice(0, MOST_IDS) : value]];
    }),
  );
}

/** The kind of fault and no words: those of gateways and databases may hold what was sent to them. */
function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
