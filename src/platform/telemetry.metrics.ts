import type { HrTime } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { Registry } from 'prom-client';

interface PromValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of a histogram: with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

interface PromMetric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly PromValue[];
}

const DOUBLE = 1;
const NANOS = 1_000_000;

/** The numbers of `/metrics` under their names, for a receiver that is told instead of asking. */
export class RegistryProducer implements MetricProducer {
  private readonly startTime = hrTime(Date.now() - process.uptime() * 1000);

  constructor(private readonly registry: Registry) {}

  async collect(): Promise<CollectionResult> {
    const metrics = (await this.registry.getMetricsAsJSON()) as unknown as readonly PromMetric[];
    const span: Span = { startTime: this.startTime, endTime: hrTime(Date.now()) };
    const scope = { scope: { name: 'bellhop' }, metrics: metrics.map((metric) => dataOf(metric, span)) };
    return { resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics: [scope] }, errors: [] };
  }
}

type Span = Pick<DataPoint<number>, 'startTime' | 'endTime'>;

function dataOf(metric: PromMetric, span: Span): MetricData {
  const { name, help } = metric;
  const base = {
    descriptor: { name, description: help, unit: name.endsWith('_seconds') ? 's' : '', valueType: DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  switch (metric.type) {
    case 'counter':
      return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: pointsOf(metric, span) };
    case 'histogram':
      return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramsOf(metric, span) };
    default:
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: pointsOf(metric, span) };
  }
}

function pointsOf({ values }: PromMetric, span: Span): DataPoint<number>[] {
  return values.map(({ value, labels }) => ({ ...span, attributes: { ...labels }, value }));
}

/** Buckets of Prometheus hold all that is smaller; those of OpenTelemetry only their own. */
function histogramsOf({ name, values }: PromMetric, span: Span) {
  const groups = Map.groupBy(values, ({ labels: { le: _le, ...labels } }) => JSON.stringify(labels));
  return [...groups.values()].map((group) => {
    const { le: _le, ...attributes } = group[0]?.labels ?? {};
    const buckets = group.filter(({ metricName }) => metricName === `${name}_bucket`);
    const finite = buckets.filter(({ labels }) => labels['le'] !== '+Inf');
    const counts = buckets.map(({ value }, i) => value - (buckets[i - 1]?.value ?? 0));
    const valueOf = (suffix: string): number =>
      group.find(({ metricName }) => metricName === name + suffix)?.value ?? 0;
    return {
      ...span,
      attributes,
      value: {
        buckets: { boundaries: finite.map(({ labels }) => Number(labels['le'])), counts },
        sum: valueOf('_sum'),
        count: valueOf('_count'),
      },
    };
  });
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * NANOS)];
}
