import { IsInt, IsOptional, IsString, Max, Min, MinLength } from 'class-validator';
import { ConfigField, configSchema, readConfig, secretFields } from './config.js';
import { ConfigInvalidError } from './errors.js';

class AcmeConfig {
  @ConfigField({ title: 'App secret', secret: true })
  @IsString()
  @MinLength(16)
  appSecret!: string;

  @ConfigField({ title: 'Clock tolerance (s)', description: 'Accepted difference.', advanced: true })
  @IsInt()
  @Min(30)
  @Max(3600)
  toleranceSeconds = 300;

  @ConfigField({ title: 'Note' })
  @IsOptional()
  @IsString()
  note?: string;
}

/** A class of the same name, as another plugin may have it. */
function another(): new () => object {
  class AcmeConfig {
    @ConfigField({ title: 'Token', secret: true })
    @IsString()
    token!: string;
  }
  return AcmeConfig;
}

class EmptyConfig {}

function refusalOf(input: unknown): ConfigInvalidError {
  try {
    readConfig(AcmeConfig, input, '/config');
  } catch (error) {
    return error as ConfigInvalidError;
  }
  throw new Error('It was taken.');
}

describe('one class', () => {
  it('gives the JSON Schema, with defaults and what must be set', () => {
    expect(configSchema(AcmeConfig)).toEqual({
      type: 'object',
      additionalProperties: false,
      required: ['appSecret'],
      properties: {
        appSecret: { type: 'string', minLength: 16, title: 'App secret', writeOnly: true },
        toleranceSeconds: {
          type: 'integer',
          minimum: 30,
          maximum: 3600,
          default: 300,
          title: 'Clock tolerance (s)',
          description: 'Accepted difference.',
          'x-advanced': true,
        },
        note: { type: 'string', title: 'Note' },
      },
    });
  });

  it('keeps apart from a class of the same name', () => {
    const other = configSchema(another()) as { properties: object };
    expect(Object.keys(other.properties)).toEqual(['token']);
    expect(Object.keys((configSchema(AcmeConfig) as { properties: object }).properties)).toContain('appSecret');
  });

  it('may have no settings', () => {
    expect(configSchema(EmptyConfig)).toMatchObject({ properties: {}, additionalProperties: false });
    expect(readConfig(EmptyConfig, {})).toBeInstanceOf(EmptyConfig);
  });

  it('names its secrets', () => {
    expect(secretFields(AcmeConfig)).toEqual(['appSecret']);
  });

  it('reads settings with their defaults', () => {
    expect(readConfig(AcmeConfig, { appSecret: 'x'.repeat(16) })).toEqual({
      appSecret: 'x'.repeat(16),
      toleranceSeconds: 300,
    });
  });

  it.each<[name: string, input: unknown, fields: string[]]>([
    ['no object', 'x', ['/config']],
    ['a list', [], ['/config']],
    ['missing and unknown fields', { other: 1 }, ['/config/other', '/config/appSecret']],
    [
      'every wrong field at once',
      { appSecret: 'tooshort', toleranceSeconds: 1.5 },
      ['/config/appSecret', '/config/toleranceSeconds'],
    ],
    ['a name that a pointer must escape', { appSecret: 'x'.repeat(16), 'a/b~c': 1 }, ['/config/a~1b~0c']],
  ])('refuses %s', (_name, input, fields) => {
    const refusal = refusalOf(input);
    expect(refusal).toBeInstanceOf(ConfigInvalidError);
    expect(new Set(refusal.issues.map(({ field }) => field))).toEqual(new Set(fields));
    expect(JSON.stringify(refusal)).not.toContain('tooshort');
  });
});
