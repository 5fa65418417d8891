import type { Scenario } from '../scenario.js';
import { backlog } from './backlog.js';
import { badDays } from './bad-days.js';
import { badGateways } from './bad-gateways.js';
import { crashMatrix } from './crash-matrix.js';
import { databaseCuts } from './database-cuts.js';
import { deadVendor } from './dead-vendor.js';
import { halfWayCancel } from './half-way-cancel.js';
import { oneQuota } from './one-quota.js';
import { randomCancels } from './random-cancels.js';
import { randomKills } from './random-kills.js';
import { repetitions } from './repetitions.js';
import { rollingRestart, startsAtOnce } from './rolling-restart.js';
import { rollingUpgrade } from './rolling-upgrade.js';
import { swappedEnvironment } from './swapped-environment.js';

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [
  crashMatrix,
  randomKills,
  databaseCuts,
  badGateways,
  repetitions,
  rollingRestart,
  rollingUpgrade,
  startsAtOnce,
  badDays,
  backlog,
  randomCancels,
  halfWayCancel,
  oneQuota,
  deadVendor,
  swappedEnvironment,
];
