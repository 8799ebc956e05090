/**
 * An engine and its settings while a person types them, and the `model.image` that they mean. Pure.
 *
 * Numbers stay texts until they are sent: what is half typed is nobody's mistake yet, and what cannot be understood is
 * sent as it is, so that the refusal names it.
 */
import type { Image, ImageVariant } from '@berth/contract'
import type { SettingField } from './engine-settings.data.ts'

export type ImageForm = {
  readonly variant: ImageVariant
  /** By the setting's name; empty is the engine's own choice. */
  readonly settings: Readonly<Record<string, string>>
  /** For the registry of a private image; empty for none. */
  readonly registryUser: string
  /** Never read back: empty keeps the one that is there. */
  readonly registryPassword: string
  /** What no field stands for, as it came. */
  readonly rest: Readonly<Record<string, unknown>>
}

export const NO_SETTINGS = { settings: {}, registryUser: '', registryPassword: '', rest: {} } as const

export function imageFormOf(image: Image): ImageForm {
  const [variant, all] = Object.entries(image)[0] as [ImageVariant, Readonly<Record<string, unknown>>]
  const { credentials, ...settings } = all
  const entries = Object.entries(settings).filter(([, value]) => value !== null && value !== undefined)
  return {
    variant,
    settings: Object.fromEntries(
      entries.filter(([, value]) => typeof value !== 'object').map(([name, value]) => [name, String(value)]),
    ),
    registryUser: (credentials as { readonly username: string } | undefined)?.username ?? '',
    registryPassword: '',
    rest: Object.fromEntries(entries.filter(([, value]) => typeof value === 'object')),
  }
}

export function imageOf(form: ImageForm, fields: readonly SettingField[]): Image {
  const settings = Object.entries(form.settings).flatMap(([name, text]) => {
    const field = fields.find((one) => one.name === name)
    return field && text !== '' ? [[name, settingValue(field, text)] as const] : []
  })
  const credentials = { username: form.registryUser, password: form.registryPassword }
  return {
    [form.variant]: {
      ...form.rest,
      ...Object.fromEntries(settings),
      ...(form.variant === 'custom' && form.registryUser !== '' && { credentials }),
    },
  } as Image
}

function settingValue(field: SettingField, text: string): unknown {
  if (field.kind === 'number') return numberIn(text)
  return field.kind === 'boolean' ? text === 'true' : text
}

/** What is no number goes on as the text that it is; the server says so, and where. */
export function numberIn(text: string): number {
  const value = Number(text)
  return (text.trim() === '' || Number.isNaN(value) ? text : value) as number
}
