/** Which file of a repository that offers several: its quantisation, with its size. */
import type { Recommendation } from '@berth/contract'
import { Field } from '../../design/field.tsx'
import { Select } from '../../design/select.tsx'
import type { ImageForm } from '../../engine/image-form.ts'
import { bytes } from '../../text/quantities.ts'

export function FileChoice({
  judged,
  image,
  onChange,
}: {
  readonly judged: Recommendation | undefined
  readonly image: ImageForm
  readonly onChange: (settings: ImageForm['settings']) => void
}) {
  const files = judged?.files ?? []
  if (image.variant !== 'llamacpp' || files.length < 2) return null
  const chosen = image.settings['modelPath'] || files.find((one) => one.chosen)?.file || files[0]!.file
  return (
    <Field label="Model file" help="A smaller quantisation needs less memory and answers a little worse.">
      <Select
        className="w-full sm:w-96"
        value={chosen}
        choices={files.map(({ file, quantisation, sizeBytes }) => ({
          value: file,
          label: quantisation ?? file,
          hint: `${bytes(sizeBytes)} · ${file}`,
        }))}
        onValue={(modelPath) => {
          const { variant: _, ...settings } = image.settings
          onChange({ ...settings, modelPath })
        }}
      />
    </Field>
  )
}
