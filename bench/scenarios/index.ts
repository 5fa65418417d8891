import type { Scenario } from '../scenario.js';
import { audience } from './audience.js';
import { backlog } from './backlog.js';
import { costs } from './costs.js';
import { fanOut } from './fan-out.js';
import { history } from './history.js';
import { idle } from './idle.js';
import { ingest } from './ingest.js';
import { latency } from './latency.js';
import { overload } from './overload.js';
import { peers } from './peers.js';
import { scaleOut } from './scale-out.js';
import { slowDisk } from './slow-disk.js';

/** In the order in which a whole run takes them. */
export const SCENARIOS: readonly Scenario[] = [
  ingest,
  slowDisk,
  latency,
  fanOut,
  audience,
  scaleOut,
  backlog,
  history,
  costs,
  overload,
  idle,
  peers,
];
