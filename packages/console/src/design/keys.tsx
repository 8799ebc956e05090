/** Keys of the keyboard, as they are written on this machine's keys. */
export const isMac = /mac/i.test(navigator.platform)

export function Keys({ keys }: { readonly keys: string }) {
  return (
    <kbd className="rounded-sm border border-line bg-well px-1 font-sans text-2xs text-faint">
      {isMac ? keys.replace('Mod', '⌘').replace('+', '') : keys.replace('Mod', 'Ctrl')}
    </kbd>
  )
}
