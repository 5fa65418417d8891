/** A class with a parameterless constructor, as class-transformer and class-validator need it. */
export type ClassType<T extends object> = new () => T;

/** Who a plugin is. Static: known before any configuration exists. */
export interface Manifest<C extends object = object> {
  /** Lower-case letters, digits and hyphens; unique among all plugins of a direction. */
  readonly id: string;
  readonly name: string;
  /** One sentence for the catalogue. */
  readonly summary: string;
  /** The vendor's own documentation. */
  readonly documentation: string;
  /** What an operator does in the vendor's console, as numbered Markdown steps. */
  readonly setup: string;
  /** The single declaration of the settings: types, validation, JSON Schema, redaction and forms come from this class. */
  readonly config: ClassType<C>;
}
