/** parse-server in a process of its own. What is set, and in whose favour: README.md. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Gateway } from '../support/gateway.js';
import { serve } from '../support/worker.js';
import { load } from './installed.js';

export interface ParseServerOptions {
  readonly databaseUrl: string;
  readonly applicationId: string;
  readonly masterKey: string;
  /** Without it there is no push. */
  readonly push?: { readonly gateway: Gateway; readonly topic: string };
}

/** Connections to PostgreSQL; Bellhop's own default. */
const POOL = 20;
/** Installations of one work item. The default of 100 takes up to twice as long: more pages by OFFSET, more updates of one row. */
const BATCH = 1_000;
/** Milliseconds. All pages are fetched at once, and a request waits for its turn behind all others. */
const REQUEST_TIMEOUT = 600_000;
/** MB per HTTP/2 session. With Node's 10 next to nothing arrives as soon as some thousand requests wait. */
const SESSION_MEMORY = 2_000;

/** Of a NIM message copy, all of them strings. */
const FIELDS = [
  'eventType',
  'convType',
  'fromAccount',
  'fromNick',
  'fromClientType',
  'fromDeviceId',
  'to',
  'msgTimestamp',
  'msgType',
  'body',
  'attach',
  'msgidClient',
  'msgidServer',
  'resendFlag',
];
const EVERYBODY = { '*': true };
const CALLBACK = {
  className: 'Callback',
  fields: Object.fromEntries(FIELDS.map((name) => [name, { type: 'String' }])),
  classLevelPermissions: { create: EVERYBODY, find: EVERYBODY, get: EVERYBODY, count: EVERYBODY },
};

interface Package {
  readonly ParseServer: { startApp(options: object): Promise<{ readonly server: Server }> };
}

/** @returns the port. */
async function start({ databaseUrl, applicationId, masterKey, push }: ParseServerOptions): Promise<number> {
  quieten();
  const { ParseServer } = load<Package>('parse-server');
  const { server } = await ParseServer.startApp({
    appId: applicationId,
    masterKey,
    databaseURI: `${databaseUrl}?max=${POOL}&idleTimeoutMillis=0`,
    schema: { definitions: [CALLBACK, { className: '_Installation' }], lockSchemas: true },
    allowClientClassCreation: false,
    requestKeywordDenylist: [],
    directAccess: true,
    serverURL: 'http://127.0.0.1/parse',
    verifyServerUrl: false,
    mountPath: '/parse',
    host: '127.0.0.1',
    port: 0,
    silent: true,
    logsFolder: null,
    ...(push && {
      push: { ios: { ...providerOf(push.gateway), topic: push.topic }, queueOptions: { batchSize: BATCH } },
    }),
  });
  return (server.address() as AddressInfo).port;
}

/** Handed on to node-apn, and by that to `http2.connect`. */
function providerOf({ url, caPem, credentials: { keyId, teamId, p8 } }: Gateway): object {
  const { hostname: address, port } = new URL(url);
  return {
    token: { key: Buffer.from(p8), keyId, teamId },
    address,
    port: Number(port),
    ca: [Buffer.from(caPem)],
    requestTimeout: REQUEST_TIMEOUT,
    maxSessionMemory: SESSION_MEMORY,
  };
}

/** `silent` comes too late for its warnings about options that will change, and leaves a folder of logs behind. */
function quieten(): void {
  process.env.PARSE_SERVER_LOGS_FOLDER = 'null';
  process.stdout.write = () => true;
}

serve({ start });
