/** Plots as SVG files: the same findings always give the same bytes, so that a diff shows what was measured anew. */
import {
  type EChartsOption,
  init,
  type SeriesOption,
  type XAXisComponentOption,
  type YAXisComponentOption,
} from 'echarts';
import type { Axis, Plot } from '../scenario.js';

/** CSS pixels. */
const SIZE = { width: 860, height: 440 };
/** Of Okabe and Ito, which the colour-blind can tell apart; symbols help where colours do not. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect', 'emptyTriangle'];
/** With more of them, their figures would run into each other. */
const LABELLED_BARS = 18;
const TEXT = { color: '#24292f', fontSize: 13 };
const LINE = { lineStyle: { color: '#57606a' } };
/** Nothing answers to a pointer in a picture of a page. */
const STILL = { useViewBox: true, cssEmphasis: false };
const GRID = { lineStyle: { color: '#d8dee4' } };

/** @returns an SVG document on white, which is readable on a page of any colour. */
export function svgOf(plot: Plot): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  chart.setOption(optionOf(plot));
  const svg = chart.renderToSVGString(STILL);
  chart.dispose();
  // Ids count the charts of the process: without that, a plot does not change when another one is drawn before it.
  return `${svg.replaceAll(/\bzr\d+-/g, 'zr-')}\n`;
}

function optionOf(plot: Plot): EChartsOption {
  const names = plot.series.map(({ name }) => name);
  return {
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: 'sans-serif' },
    title: { text: plot.title, left: 'center', top: 12, textStyle: { ...TEXT, fontSize: 16 } },
    legend: { data: names, top: 42, textStyle: TEXT },
    grid: { left: 90, right: 36, top: 84, bottom: plot.kind === 'bars' ? 84 : 64 },
    xAxis: xAxisOf(plot),
    yAxis: { ...scaleOf(plot.y), nameGap: 64, nameRotate: 90 } satisfies YAXisComponentOption,
    series: plot.series.map((series, i) => seriesOf(plot, series, i)),
  };
}

function xAxisOf({ kind, x, series }: Plot): XAXisComponentOption {
  if (kind === 'lines') return { ...scaleOf(x), nameGap: 34 };
  const categories = [...new Set(series.flatMap(({ points }) => points.map(([category]) => String(category))))];
  const width = (SIZE.width - 140) / categories.length;
  return {
    ...lookOf(x, 52),
    type: 'category',
    data: categories,
    axisTick: { show: false },
    axisLabel: { ...TEXT, interval: 0, width, overflow: 'break' },
  };
}

function scaleOf(axis: Axis) {
  return {
    ...lookOf(axis, 34),
    type: axis.log ? ('log' as const) : ('value' as const),
    splitLine: GRID,
    axisLabel: { ...TEXT, formatter: figure },
  };
}

function lookOf({ title }: Axis, nameGap: number) {
  return {
    name: title,
    nameLocation: 'middle' as const,
    nameGap,
    nameTextStyle: TEXT,
    axisLine: { show: true, ...LINE },
  };
}

function seriesOf({ kind, series }: Plot, { name, points }: Plot['series'][number], index: number): SeriesOption {
  const bars = series.reduce((sum, each) => sum + each.points.length, 0);
  const shared = { name, data: points.map(([x, y]) => [x, y]), silent: true };
  if (kind === 'lines') {
    return { ...shared, type: 'line', symbol: SYMBOLS[index % SYMBOLS.length], symbolSize: 8, lineStyle: { width: 2 } };
  }
  return {
    ...shared,
    type: 'bar',
    barMaxWidth: 72,
    label: {
      show: bars <= LABELLED_BARS,
      position: 'top',
      color: TEXT.color,
      formatter: ({ value }) => figure((value as readonly [string, number])[1]),
    },
  };
}

/** Three digits that count. */
const figure = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 3 });
