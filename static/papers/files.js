// /papers, files: everything as JSON, and table by table for a spreadsheet. The decimal comma follows the language.
import { html, icon, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";

const TABLES = ["winners", "standings", "entries", "sheets", "marks", "hands", "run_offs", "ties", "categories", "judges"];
/** What a spreadsheet in this language expects between a number's digits. */
const usual = new Intl.NumberFormat(document.documentElement.lang).format(0.5).includes(",") ? "comma" : "point";

export default function Files() {
  const decimal = useSignal(usual);
  return html`<div class="papers-tools"><h1>${t("papers.files")}</h1><p class="muted">${t("papers.files-text")}</p>
    <p><a class="button button-primary" href="/api/export.json" download="contest.json" data-file="json">${icon("download")}${t("papers.file-json")}</a></p>
    <h2>${t("papers.tables")}</h2><fieldset class="papers-decimals"><legend class="field-label">${t("papers.decimals")}</legend>${["point", "comma"].map((one) => html`
      <label class="choice" key=${one}><input type="radio" name="decimal" checked=${decimal.value === one} onChange=${() => { decimal.value = one; }} /><span>${t(`papers.decimal-${one}`)}</span></label>`)}</fieldset>
    <ul class="papers-files">${TABLES.map((what) => html`<li key=${what}><a class="button" href="/api/export.csv?what=${what}${decimal.value === "comma" ? "&decimal=comma" : ""}" download="contest-${what}.csv" data-file=${what}>${icon("download")}<span>${t(`papers.table-${what}`)} <span class="muted">contest-${what}.csv</span></span></a></li>`)}</ul></div>`;
}
