import type { IncomingMessage } from 'node:http';

/** Ids, codes and numbers of ours; never texts, tokens or addresses. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** What a span is about. Ids are UUIDs. */
export interface SpanSubject {
  /** Of an event or a notification: the digits of its id are the id of the trace. Absent: a trace of its own. */
  readonly traceOf?: string;
  /** Of events or notifications whose traces it belongs to as well. */
  readonly links?: readonly string[];
  readonly facts?: Facts;
}

/** What `telemetry.otel.ts` does, once it is loaded. */
export interface Tracing {
  during<T>(name: string, kind: SpanKind, subject: SpanSubject, work: () => Promise<T>): Promise<T>;
  /** A call from outside that is not trusted: a trace of its own, linked to that of the caller. */
  receive(name: string, request: IncomingMessage, work: () => Promise<Facts>): Promise<void>;
  /** A call of the API, as part of the caller's trace. @returns what ends it. */
  serve(request: IncomingMessage, next: () => void): (name: string, facts: Facts) => void;
  note(subject: SpanSubject): void;
  inject(headers: Readonly<Record<string, string>>): Record<string, string>;
  stop(): Promise<void>;
}

export type SpanKind = 'server' | 'consumer' | 'client';
