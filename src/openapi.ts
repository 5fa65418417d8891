import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { API_KEY_SCHEME, SESSION_SCHEME } from './access/scope.js';

const TAGS: Readonly<Record<string, string>> = {
  inbound: 'Where vendors send their callbacks. The address, with its secret, comes with a new integration.',
  plugins: 'The vendors and channels of this build, with the schema of their configuration.',
  integrations: 'Plugins as an operator configured them. Secrets are sealed at rest and never returned.',
  devices: 'App installs that a gateway can reach. Tokens go in and never come out.',
  users: 'What is known of a person: names at vendors, presence, preferences.',
  audiences: 'Labels on people, and expressions over them.',
  notifications: 'Requests to inform, and what became of them.',
  deliveries: 'A notification for one device through one channel.',
  'dead-letters': 'What was given up, by cause, and how it is sent once more.',
  events: 'Canonical facts out of callbacks; the quarantine holds what could not be used.',
  receipts: 'Word from apps that a push arrived or was opened. Needs no key: every push carries a token for it.',
  statistics: 'Figures per day, channel and platform.',
  templates: 'What pushes about events say, per kind, type of message and language.',
  webhooks: 'Where our own events go, signed as Standard Webhooks asks.',
  trace: 'What happened to a message, and why.',
  apps: 'Mobile products and their API keys. Needs a platform key.',
  operators: 'People who sign in, and what they may do. Needs a platform key, or an admin of everything.',
  session: 'Signing in and out.',
  audit: 'Who changed what, and when.',
  health: 'For probes.',
  metrics: 'For Prometheus.',
};

const INBOUND_PATH = '/v1/inbound/{integrationId}/{urlSecret}/{rest}';

/** The document behind /docs, and behind the committed openapi.json. */
export function buildDocument(app: INestApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setTitle('Bellhop')
    .setDescription(
      'Vendor callbacks become pushes on devices, and audiences are informed through gateways and vendors. ' +
        'Errors are problem documents (RFC 9457).',
    )
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key: `bh_…`' }, API_KEY_SCHEME)
    .addCookieAuth('bellhop_session', { type: 'apiKey', in: 'cookie', description: SESSION_WORDS }, SESSION_SCHEME);
  for (const [name, description] of Object.entries(TAGS)) builder.addTag(name, description);
  const document = SwaggerModule.createDocument(app, builder.build());
  for (const path of Object.values(document.paths))
    for (const operation of Object.values(path)) tidy(operation as { security?: object[] });
  document.paths[INBOUND_PATH] = inboundPath();
  return document;
}

const SESSION_WORDS =
  'The session of a person who has signed in (`POST /v1/session`). Calls about an app name it in `Bellhop-App: app_…`; ' +
  'unsafe calls have the header `Bellhop-Csrf`. Behind https the cookie is called `__Host-bellhop_session`.';

/** A scope on a method replaces that of its controller; the framework would list the same schemes twice. */
function tidy(operation: { security?: object[] }): void {
  const named = new Map(operation.security?.map((scheme) => [Object.keys(scheme).join(), scheme]));
  if (operation.security) operation.security = [...named.values()];
}

export function setUpDocs(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => buildDocument(app), {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
    customSiteTitle: 'Bellhop API',
    swaggerOptions: { persistAuthorization: true, docExpansion: 'none', tagsSorter: undefined },
  });
}

/** The route is served in front of the framework, so it is described by hand. */
function inboundPath(): OpenAPIObject['paths'][string] {
  const parameter = (name: string, description: string) => ({
    name,
    in: 'path' as const,
    required: true,
    description,
    schema: { type: 'string' },
  });
  const operation = (method: string) => ({
    operationId: `receiveCallback${method}`,
    tags: ['inbound'],
    summary: 'Receive a callback of a vendor',
    description: "Takes the vendor's own format, and answers in the vendor's own words once the callback is durable.",
    security: [],
    parameters: [
      parameter('integrationId', 'Id of the integration.'),
      parameter('urlSecret', 'The secret of its address.'),
      parameter('rest', 'What the vendor appends to the address; may be empty, then without the slash before it.'),
    ],
    responses: {
      200: { description: "Durable, or known already. The body is the vendor's own." },
      400: { description: 'Authentic but unusable, where the vendor must be told so. Kept in quarantine.' },
      401: { description: 'Unknown integration, wrong secret, or not signed by the vendor: all answered alike.' },
      405: { description: 'The vendor does not use this method.' },
      413: { description: 'The body is larger than this vendor sends.' },
      503: { description: 'Not stored: send it again.' },
    },
  });
  return { get: operation('Get'), post: operation('Post') };
}
