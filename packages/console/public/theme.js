// Before anything is drawn, so that a dark page is never light first. The choice itself is made in src/design/theme.ts.
{
  let chosen = null
  try {
    chosen = localStorage.getItem('berth.theme')
  } catch {
    // Storage may be forbidden; then the system decides.
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
}
