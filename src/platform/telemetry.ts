import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { Source } from './env.variable.js';
import { Metrics } from './metrics.js';
import type { Facts, SpanKind, SpanSubject, Tracing } from './telemetry.tracing.js';

export type { Facts, SpanSubject } from './telemetry.tracing.js';

/** The variables of OpenTelemetry that name a receiver. */
const ENDPOINTS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
];

/**
 * Traces and metrics for OpenTelemetry, by its own environment variables. Without a receiver nothing of it is loaded, and
 * what would be a span is the plain call.
 */
@Injectable()
export class Telemetry implements OnApplicationShutdown {
  private tracing: Tracing | undefined;

  constructor(private readonly metrics: Metrics) {}

  get on(): boolean {
    return this.tracing !== undefined;
  }

  /** Before anything is built that asks whether it is {@link on}. */
  async start(role: string, source: Source = process.env): Promise<void> {
    if (!isWanted(source)) return;
    const { startTracing } = await import('./telemetry.otel.js');
    this.tracing = startTracing(this.metrics, role, source);
  }

  /** @param subject asked only when there is somebody to tell. */
  during<T>(name: string, kind: SpanKind, subject: () => SpanSubject, work: () => Promise<T>): Promise<T> {
    return this.tracing ? this.tracing.during(name, kind, subject(), work) : work();
  }

  receive(name: string, request: IncomingMessage, work: () => Promise<Facts>): Promise<void> {
    return this.tracing ? this.tracing.receive(name, request, work) : work().then(() => undefined);
  }

  serve(request: IncomingMessage, next: () => void): (name: string, facts: Facts) => void {
    if (this.tracing) return this.tracing.serve(request, next);
    next();
    return () => undefined;
  }

  /** Adds to the span under way, if there is one. */
  note(subject: () => SpanSubject): void {
    this.tracing?.note(subject());
  }

  /** Headers of a call to somebody who may continue the trace. */
  outgoing(headers: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined {
    return this.tracing ? this.tracing.inject(headers ?? {}) : headers;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.tracing?.stop();
    this.tracing = undefined;
  }
}

function isWanted(source: Source): boolean {
  if (/^true$/i.test(source['OTEL_SDK_DISABLED']?.trim() ?? '')) return false;
  return ENDPOINTS.some((name) => source[name]?.trim());
}
