/** Kinds of networks, in the kernel's words: as Mode of the model, which says what each means. */

export interface OverlaySpec {
  readonly kind: 'overlay';
}

interface OnLan {
  /** As the user has named it: an interface, or a name of `parents`. */
  readonly parent?: string | undefined;
  readonly vlan?: number | undefined;
  readonly host?: true | undefined;
  readonly gateways: readonly string[];
}

export interface MacvlanSpec extends OnLan {
  readonly kind: 'macvlan';
  readonly submode: 'bridge' | 'private' | 'vepa' | 'passthru';
}

export interface IpvlanSpec extends OnLan {
  readonly kind: 'ipvlan';
  readonly submode: 'l2' | 'l3' | 'l3s';
  readonly flag: 'bridge' | 'private' | 'vepa';
}

export type LanSpec = MacvlanSpec | IpvlanSpec;

export interface RoutedSpec {
  readonly kind: 'routed';
}

export type ModeSpec = OverlaySpec | LanSpec | RoutedSpec;

export const DEFAULT_MODE: ModeSpec = { kind: 'overlay' };
