import type { Stage } from '../stage/stage.js';
import type { Check } from './evidence.js';
import { expectSteadyHeap } from '../stage/memory.js';
import { STALL_MS, type Stall } from '../stage/watched.js';

/** What the processes did that nobody asked them to do. */
export const processes: Check = async ({ stage }, expectNone) => {
  const { findings } = stage.chaos;
  const complaints = stage.nodes.flatMap(({ complaints }) => complaints);
  const stalls = complaints.filter((line): line is Stall => line.kind === 'stall');
  // Others on the machine may keep a process from its work: only what it computed itself is its fault.
  const own = stalls.filter(({ cpuMs }) => cpuMs > STALL_MS);
  findings.figure(
    'longest computation while an event loop stood, ms',
    Math.max(0, ...stalls.map(({ cpuMs }) => cpuMs)),
  );
  findings.figure('stalls that the machine caused', stalls.length - own.length);
  findings.figure('lines of output', stage.outputs.lines);
  expectNone(
    'exits',
    stage.nodes.flatMap(({ deaths }) => deaths),
  );
  expectNone(
    'exceptions and rejections that nobody caught',
    complaints.filter(({ kind }) => kind === 'uncaught'),
  );
  expectNone(`event loop stalls over ${STALL_MS} ms`, own);
  for (const node of stage.nodes) {
    const heaps = await node.heaps();
    if (heaps) expectSteadyHeap(stage.chaos, ...heaps);
  }
  await searchMetrics(stage);
  expectNone('planted secrets in outputs', stage.outputs.leaks);
};

async function searchMetrics({ slots, outputs }: Stage): Promise<void> {
  for (const { url, name } of slots) {
    const text = await fetch(`${url}/metrics`).then(
      (response) => response.text(),
      // No process is there any more.
      () => '',
    );
    outputs.search(`metrics of ${name}`, text);
  }
}
