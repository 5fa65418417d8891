import 'reflect-metadata';
import { Expose, plainToInstance, Transform } from 'class-transformer';
import { ValidateBy, validateSync } from 'class-validator';

/** What the validators beside a setting do not say; `.env.example` and the fix hints are made from it. */
export interface VariableDoc {
  /** For the reader of `.env.example`: what it does, its unit, what its absence means. */
  readonly about: string;
  /** A value that works, shown in `.env.example` and in the hint of a fault. */
  readonly example: string;
  /** Its value is never repeated in a message. */
  readonly secret?: boolean;
}

/** One reason why the environment cannot be used. */
export interface EnvironmentFault {
  /** Name of the environment variable. */
  readonly variable: string;
  /** What is wrong with it, without the value of a secret. */
  readonly message: string;
  /** How to put it right. */
  readonly hint: string;
}

/** The environment cannot be used: every fault at once, so that one restart is enough. Exit with {@link exitCode}. */
export class EnvironmentInvalidError extends Error {
  /** EX_CONFIG of sysexits.h; supervisors can tell it from a crash. */
  readonly exitCode = 78;

  constructor(readonly faults: readonly EnvironmentFault[]) {
    const lines = faults.map(({ variable, message, hint }) => `  ${variable} ${message}\n    → ${hint}`);
    super(`The environment is not valid (${faults.length}):\n${lines.join('\n')}`);
    this.name = new.target.name;
  }
}

export type Source = Readonly<Record<string, string | undefined>>;
type ClassType<T extends object> = new () => T;
type Variable = VariableDoc & { readonly name: string; readonly property: string };

const VARIABLES = Symbol('bellhop:environment-variables');

/** Binds a property to an environment variable. Its initial value is the default; its validators say what is allowed. */
export function Variable(
  name: string,
  doc: VariableDoc,
  read: (text: string) => unknown = (text) => text,
): PropertyDecorator {
  return (target, property) => {
    const known = variablesOf(target.constructor);
    Reflect.defineMetadata(VARIABLES, [...known, { ...doc, name, property: String(property) }], target.constructor);
    Expose({ name })(target, property);
    Transform(({ value }: { value: string }) => read(value))(target, property);
  };
}

/** The variables of a class and of what it extends, in the order of declaration. */
export function variablesOf(type: object): readonly Variable[] {
  return (Reflect.getMetadata(VARIABLES, type) as readonly Variable[] | undefined) ?? [];
}

/** Fills a class from the environment. A variable that is set to nothing counts as not set. */
export function fill<T extends object>(type: ClassType<T>, source: Source): T {
  const texts = variablesOf(type).map(({ name }) => [name, source[name]?.trim() || undefined]);
  return plainToInstance(type, Object.fromEntries(texts), {
    excludeExtraneousValues: true,
    exposeDefaultValues: true,
  });
}

/** What the validators of the class find: one fault per variable, in the order of declaration. */
export function faultsOf(settings: object, source: Source): EnvironmentFault[] {
  const found = validateSync(settings, { forbidUnknownValues: false, stopAtFirstError: true });
  return variablesOf(settings.constructor).flatMap((variable) => {
    const fault = found.find(({ property }) => property === variable.property);
    const [message] = Object.values(fault?.constraints ?? {});
    if (!message) return [];
    const said = message.replace(new RegExp(`^${variable.property} `), '');
    return [{ variable: variable.name, message: `${said}${quoted(variable, source)}`, hint: hintOf(variable) }];
  });
}

function quoted({ name, secret }: Variable, source: Source): string {
  const text = source[name]?.trim();
  if (!text) return '';
  return secret ? '' : `, and is "${text.slice(0, 80)}"`;
}

function hintOf({ name, example, about }: Variable): string {
  return `For instance ${name}=${example}. ${about}`;
}

/** Digits → number; anything else stays as it is and fails {@link IsWhole}. */
export function toInteger(text: string): unknown {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/** The usual words for yes and no → boolean; anything else stays as it is and fails `@IsBoolean`. */
export function toBoolean(text: string): unknown {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  return text;
}

/** Both ends included. */
export function IsWhole(least: number, most: number): PropertyDecorator {
  return ValidateBy({
    name: 'isWhole',
    validator: {
      validate: (value) => Number.isInteger(value) && value >= least && value <= most,
      defaultMessage: () => `must be a whole number from ${least} to ${most}`,
    },
  });
}

/** An absolute address with one of the schemes (`['https', 'http']`). */
export function IsAddress(schemes: readonly string[]): PropertyDecorator {
  return ValidateBy({
    name: 'isAddress',
    validator: {
      validate: (value) =>
        URL.canParse(String(value)) && schemes.includes(new URL(String(value)).protocol.slice(0, -1)),
      defaultMessage: () => `must be an address that starts with ${schemes.map((it) => `${it}://`).join(' or ')}`,
    },
  });
}

/** Every variable with its words and its default (or an example), commented out: the text of a `.env.example`. */
export function exampleOf(type: ClassType<object>, heading: string): string {
  const defaults = new type() as Readonly<Record<string, unknown>>;
  const blocks = variablesOf(type).map(({ name, about, example, property }) => {
    const initial = defaults[property];
    return `${comment(about)}\n# ${name}=${typeof initial === 'number' ? initial : example}\n`;
  });
  return `${comment(heading)}\n\n${blocks.join('\n')}`;
}

/** Comment lines of at most 110 columns. */
function comment(text: string): string {
  return text.replace(/(.{1,108})(?:\s+|$)/g, '# $1\n').trimEnd();
}
