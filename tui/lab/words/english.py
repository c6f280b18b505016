"""What a document's screen says, by what it is said of: in English."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.widgets.key_words import ENGLISH as ENGLISH_KEYS
from tui.widgets.key_words import KeyWords


@dataclass(frozen=True)
class LabWords:
    """Templates of `str.format`. The defaults are English; another language has all of them."""

    lang: str = "en"
    # Of a cell and its outputs
    empty_text: str = "(empty text)"
    more_characters: str = "… {0} more characters of this cell are not shown"
    too_long: str = "This cell has {0} characters: too many to edit here"
    queued: str = "waits for its turn"
    not_run: str = "not run"
    not_run_why: str = "not run: {0}"
    interrupted: str = "interrupted after {0}"
    died: str = "{0}; 0 starts another kernel"  # why
    died_somehow: str = "the kernel ended while this ran"
    took: str = "took {0}"
    more_lines: str = "… {0} more lines (Enter opens)"
    columns_shown: str = "{0} of {1} columns (Enter opens)"
    more_between: str = "… {0} more lines (Enter opens) …"
    at_line: str = "at line {0} of this cell"
    pictures: str = "v: pictures"
    # Of the document
    place: str = "cell {0} of {1}"
    typing: str = "typing"
    typing_ends: str = "typing (Esc ends)"
    not_saved: str = "not saved"
    edited: str = "edited"
    reading: str = "reading the document …"
    starting: str = "starting the kernel …"
    no_kernel: str = "no kernel"
    phases: Mapping[str, str] = field(
        default_factory=lambda: {
            "starting": "the kernel starts …",
            "ready": "idle",
            "busy": "running",
            "ended": "ended",
            "died": "died",
        }
    )
    restarts: str = "0 restarts the kernel · {0}"
    output_of: str = "Output of cell [{0}]"
    text_keys: str = "y: copy · Esc: back"
    copied: str = "copied"
    search: str = "Search"
    search_about: str = "A part of a cell's text or output. n goes to the next match."
    one_cell: str = "1 cell"
    some_cells: str = "{0} cells"
    no_cell_has: str = "no cell has that"
    # Why a key does nothing
    not_there: str = "the document is not there yet"
    is_edited: str = "a cell is being edited (Esc ends that)"
    none_cut: str = "no cell was cut"
    none_done: str = "nothing was done to cells"
    none_sought: str = "nothing was searched for (/)"
    none_failed: str = "no cell has failed"
    none_runs: str = "nothing runs"
    no_tensor: str = "no tensor is under the cursor"
    no_view: str = "the cursor is on no tensor's output, and on no error"
    # What the kernel holds
    variables: str = "Variables"
    of_all: str = " of {0}"
    no_variables: str = "Nothing yet: the names that your cells define are listed here."
    columns: Mapping[str, str] = field(default_factory=dict)  # a heading in place of the English one
    new: str = "{0} new"
    changed: str = "{0} changed"
    in_place: str = "{0} changed in place"
    offset: str = "offset"
    strides: str = "strides"
    version: str = "version {0}"
    grad_there: str = ".grad is there"
    grad_none: str = ".grad is None"
    storage: str = "{0}: one storage, {1}, {2} names"  # letter, size, how many
    graph: str = "Graph"
    graph_of: str = "Graph of {0}"
    no_graph: str = "Choose a tensor that has a grad_fn: its autograd graph is drawn here."
    saved_bytes: str = "{0} saved for backward"
    freed: str = "freed"
    has_freed: str = "freed by backward()"
    again: str = "again, see above"
    # Prompts and questions
    enter: str = "Enter: OK"
    complete: str = "Tab: complete the path"
    earlier: str = "↑: earlier entries"
    back: str = "Esc: cancel"
    image: str = "Image"
    image_back: str = "Esc: back"
    image_broken: str = "The image can't be read."
    input_about: str = "The cell waits for a line from you. Esc closes this prompt; Enter on the cell opens it again."
    password: str = "Password"
    input_waits: str = "a cell of {0} waits for input"
    input_how: str = ": Esc, then Enter on that cell"
    restart: str = "Restart the kernel?"
    restart_choices: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "r": ("restart", "all variables are gone; the cells and their outputs stay"),
            "a": ("restart and run all", "the code cells in their order, up to one that fails"),
            "c": ("restart and clear the outputs", ""),
            "o": ("another kernel", "such as one of another Python environment; all variables are gone"),
        }
    )
    kernel_which: str = "Which kernel?"
    kernel_about: str = "The kernels of this machine: {0}. `jupyter kernelspec list` shows where they are."
    kernel_missing: str = "there is no kernel {0!r} here"
    kernel_starts: str = "start {0}"
    open: str = "Open a document"
    open_about: str = (
        "The path of a notebook (.ipynb) or of Python in cells (.py, with # %%). A new name makes a new document."
    )
    opens: str = "open {0}"
    new_document: str = "a new document: {0}"
    copy: str = "Save a copy as"
    copy_about: str = "A copy, as .ipynb (with the outputs) or .py. The document that is open stays as it is."
    writes_outputs: str = "write {0} (with the outputs)"
    writes_script: str = "write {0} (a script keeps no outputs)"
    written: str = "written: {0}"
    disk_changed: str = "{0} changed on disk"
    disk_about: str = "Another program, or another window of this one, wrote the file while it was open here."
    disk_choices: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "r": ("read it again", "your changes since the last save are lost"),
            "k": ("keep yours", "the next save overwrites what is on the disk"),
            "b": ("keep both", "yours goes on under another name; the file stays as it is"),
        }
    )
    disk_read: str = "{0} was read again: it changed on disk"
    goes_on_as: str = "yours goes on as {0}"
    no_completion: str = "nothing is known that begins so"
    nothing_known: str = "nothing is known of what is at the cursor"
    at_cursor: str = "At the cursor"
    saved_elsewhere: str = "Your changes could not be saved in the document; they are in {0}"
    keeps_running: str = "The kernel of {0} keeps running without the app. End it with: fmnist-tui lab stop {0}"
    # Of the list of documents
    list_title: str = "Lab"
    list_reading: str = "reading the list …"
    list_none: str = "No document has {0}. Esc shows all."
    list_about: str = (
        "Cells of Python beside what they do to tensors, memory and the autograd graph. Enter opens a document; its "
        "kernel keeps running when you leave, also without the app."
    )
    list_keys: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    list_phases: Mapping[str, str] = field(default_factory=dict)  # in place of the English ones
    list_kernel: str = "its kernel: {0}"
    in_document: str = "In the document"
    document: str = "Document"
    large: str = "It is large: what is in it is read when it is opened."
    unreadable: str = "It can't be read ({0})."
    one_document: str = "1 document"
    some_documents: str = "{0} documents"
    documents_of: str = "{0} of {1} documents"
    exercises_of: str = "{0} of {1}"
    exercises_done: str = "{0} of {1} exercises done"
    the_course: str = "the course"
    filter: str = "Filter"
    filter_about: str = "A part of a document's name or folder."
    filter_is: str = "filter: {0} (Esc: show all)"
    no_document: str = "no document is under the cursor"
    no_running: str = "it has no running kernel"
    no_filter: str = "there is no filter"
    one_panel: str = "there is one panel"
    # Keys: by the name of the act, what it is called and what is said besides; none: as the binding has it
    keys: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    key_words: KeyWords = ENGLISH_KEYS
    # What the lab's host tells of a kernel's end: patterns of its sentences, in place of which a template stands
    sentences: Mapping[str, str] = field(default_factory=dict)

    def sentence(self, told: str) -> str:
        """One of the host's in this language; one that is not known as it is."""
        for pattern, template in self.sentences.items():
            if found := re.fullmatch(pattern, told):
                return template.format(*(one or "" for one in found.groups()))
        return told
