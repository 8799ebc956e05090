/** Who asks the registry of a private image for it. */
import { Field, Input } from '../design/field.tsx'
import type { ImageForm } from './image-form.ts'

export function RegistryFields({
  image,
  isKept,
  errorAt,
  onChange,
}: {
  readonly image: ImageForm
  /** A password is there already. */
  readonly isKept: boolean
  readonly errorAt: (field: string) => string | undefined
  readonly onChange: (changes: Partial<ImageForm>) => void
}) {
  return (
    <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
      <Field
        label="Registry user"
        optional
        help="Where the image is private."
        error={errorAt('model.image.custom.credentials.username')}
      >
        <Input
          mono
          value={image.registryUser}
          onValue={(registryUser) => onChange({ registryUser })}
          autoComplete="off"
        />
      </Field>
      <Field
        label="Registry password"
        optional
        help="Encrypted when stored, and never shown again."
        error={errorAt('model.image.custom.credentials.password')}
      >
        <Input
          mono
          type="password"
          autoComplete="new-password"
          placeholder={isKept ? 'set; type to replace it' : ''}
          value={image.registryPassword}
          onValue={(registryPassword) => onChange({ registryPassword })}
        />
      </Field>
    </div>
  )
}
